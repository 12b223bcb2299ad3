"""The commands against a running platform: what they print, what they change, and how they refuse."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from line.messages import decode
from tests.integration.hazardwatch.platform import Up, command, said

DEMO = Path("registry/demo")


def refused(up: Up, *words: str) -> str:
    done = command(up, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@pytest.fixture(scope="module")
def site(up: Up) -> list[str]:
    return said(up, "site", "import", str(DEMO))


def test_an_import_says_what_it_did_and_is_in_force(up: Up, site: list[str]) -> None:
    assert "gateways.csv: 9 added, 0 changed, 0 unchanged" in site
    assert site[-1] == "version 1 is in force"
    assert said(up, "site", "import", str(DEMO))[-1] == "version 1 is in force"  # nothing changed


def test_an_export_can_be_imported_again_without_a_change(up: Up, site: list[str], tmp_path: Path) -> None:
    assert said(up, "site", "export", str(tmp_path / "out"))[-1].startswith("version 1 is in ")
    checked = said(up, "site", "check", str(tmp_path / "out"))
    assert checked[0] == "checked against version 1 of the running platform"
    assert not [line for line in checked if "added" in line and " 0 added, 0 changed" not in line]


def test_a_folder_with_faults_is_refused_with_each_in_its_place(up: Up, site: list[str], tmp_path: Path) -> None:
    (tmp_path / "gateways.csv").write_text("enterprise,code\nNOPE,G1\nEASTOIL,B AD\n")
    faults = refused(up, "site", "import", str(tmp_path)).splitlines()
    assert [fault.split(": ")[0] for fault in faults] == ["gateways.csv:2", "gateways.csv:3"]


def test_a_check_needs_no_platform(tmp_path: Path) -> None:
    checked = said(None, "site", "check", str(DEMO), "--data-dir", str(tmp_path))
    assert (checked[0], checked[-1]) == ("checked as a site of its own: no platform runs here", "no faults")


def test_a_gateway_s_credential_stands_alone_on_the_last_line_and_works_at_once(up: Up, site: list[str]) -> None:
    name, _, secret = said(up, "gateway", "credential", "EASTOIL", "GW1")[-1].partition(" ")
    assert name == "EASTOIL.GW1"
    assert len(secret) > 20
    assert "EASTOIL has" in refused(up, "gateway", "credential", "EASTOIL", "GW9") or "no gateway GW9" in refused(
        up, "gateway", "credential", "EASTOIL", "GW9"
    )


def test_people_and_tokens_are_made_once_with_a_scope_that_exists(up: Up, site: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\nsecond line\n")
    add = ("user", "add", "ann", "--role", "operator", "--password-file", str(secret))
    assert said(up, *add) == ["ann may log in as operator"]
    assert refused(up, *add) == "hazardwatch: there is a user ann already"
    assert said(up, "user", "add", "bob", "--role", "viewer", stdin="battery staple\n") == ["bob may log in as viewer"]
    assert "a password has 8 to" in refused(up, "user", "add", "eve", "--role", "viewer")

    token = said(up, "token", "create", "--name", "grafana", "--role", "viewer")[-1]
    assert token.startswith("hwt_")
    wrong = command(up, "token", "create", "--name", "x", "--role", "viewer", "--region", "NOWHERE")
    assert (wrong.returncode, wrong.stderr.strip()) == (2, "hazardwatch: region: there is no region NOWHERE")


def test_the_schema_of_the_database_is_shown(up: Up) -> None:
    status = said(up, "db", "status")
    assert [line for line in status if line.startswith("applied 0001")]
    assert not [line for line in status if line.startswith("pending")]
    assert said(up, "db", "upgrade") == ["nothing was missing"]


def test_the_whole_input_is_exported_as_it_lies(up: Up, site: list[str], tmp_path: Path) -> None:
    out = tmp_path / "input.jsonl"
    assert said(up, "export", "input", "--out", str(out))[-1].endswith(" messages")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0]["format"] == 1
    assert [row["registry"] for row in rows if "registry" in row] == [1]
    inputs = [row for row in rows if "seq" in row]
    first = inputs[0]["seq"]  # what nobody needs any more was trimmed
    assert [row["seq"] for row in inputs] == list(range(first, first + len(inputs)))
    assert all(decode(row["kind"], base64.b64decode(row["data"])) for row in inputs)


def test_readings_are_exported_for_a_span_of_time(up: Up, site: list[str], tmp_path: Path) -> None:
    out = tmp_path / "readings.csv"
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "1767229200000")
    said(up, "export", "readings", *span, "--enterprise", "EASTOIL", "--out", str(out))
    assert out.read_text() == "ts,enterprise,tag,value,quality\n"
    wrong = command(up, "export", "readings", "--from", "yesterday", "--to", "2026-01-01T00:00:00Z", "--out", str(out))
    assert (wrong.returncode, wrong.stderr.split(";")[0]) == (2, "hazardwatch: from: 'yesterday' is no time")


def test_replay_needs_no_platform(tmp_path: Path) -> None:
    readings = tmp_path / "readings.csv"
    readings.write_text("ts,enterprise,tag,value,quality\n1767225600000,EASTOIL,TK101.GD1,99,192\n")
    out = tmp_path / "events.jsonl"
    words = ("--site", str(DEMO), "--readings", str(readings), "--out", str(out))
    printed = said(None, "replay", "readings", *words)
    assert printed[0].startswith("1 readings in ")
    assert printed[1].startswith("alarms: HH 1")
    assert json.loads(out.read_text().splitlines()[0])["tag"] == "TK101.GD1"
    missing = command(None, "replay", "vectors", str(tmp_path / "none.json"), "--out", str(out))
    assert (missing.returncode, missing.stderr.strip()) == (
        2,
        f"hazardwatch: {tmp_path}/none.json: No such file or directory",
    )


def test_stored_readings_are_replayed_without_a_file(up: Up, site: list[str], tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    words = ("replay", "readings", "--site", str(DEMO), "--out", str(out))
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z", "--enterprise", "EASTOIL")
    printed = said(up, *words, *span)
    assert printed[0].startswith("0 readings in ")
    assert printed[1].startswith("alarms: HH 0")
    assert out.read_text() == ""
    for wrong, complaint in (
        ((), "from: without --readings"),
        ((*span[:2], "--to", "2026-01-01T00:00:00Z"), "to: must be later than from"),
        ((*span[:5], "NOBODY"), f"enterprise: {DEMO} has no enterprise NOBODY"),
        ((*span, "--readings", "file.csv"), "from: is for stored readings"),
    ):
        done = command(up, *words, *wrong)
        assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr


def test_help_says_what_there_is() -> None:
    text = "\n".join(said(None, "--help"))
    for word in ("up", "demo", "ingest", "engine", "historian", "api", "notifier", "user", "token", "gateway", "site"):
        assert word in text
