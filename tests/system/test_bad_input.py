"""Bad input, answered as the contract says: kept with its reason, counted, and never in the way of good readings."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.platform import GatewayClient, Platform, until


@pytest.fixture(scope="module")
def gateway(platform: Platform):  # type: ignore[no-untyped-def]  # a generator of one client
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as opened:
        yield opened


def newest_rejects(platform: Platform) -> list[dict[str, object]]:
    return list(platform.get("/rejects?limit=20")["items"])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"not json", "not_json"),
        (b"", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b'{"ts": 1, "values": {"T10": ', "not_json"),
        (b"x" * 10_000_000, "too_large"),
        (b'{"values": {"NO.SUCH": 1}}', "unknown_tag"),
        (b'{"values": {"T10": "12,5"}}', "wrong_type"),
        (b'{"values": {"T10": "NaN"}}', "wrong_type"),
        (b'{"values": {"T10": [1]}}', "wrong_type"),
        (b"42", "wrong_type"),
    ],
    ids=["text", "nothing", "bytes", "half", "10 MB", "unknown tag", "comma", "NaN as text", "list", "number"],
)
def test_what_cannot_be_used_is_kept_with_its_reason(
    platform: Platform, gateway: GatewayClient, payload: bytes, reason: str
) -> None:
    seen = {str(item["id"]) for item in newest_rejects(platform)}
    gateway.wait_for(gateway.publish(payload))
    fresh = until(
        lambda: [item for item in newest_rejects(platform) if str(item["id"]) not in seen], 10, f"a reject {reason}"
    )
    assert fresh[0]["reason"] == reason
    assert fresh[0]["topic"] == "hazard/v1/E1/GW1/readings"


def test_one_bad_value_does_not_stop_its_neighbours(platform: Platform, gateway: GatewayClient) -> None:
    t = int(time.time() * 1000)
    body = f'{{"ts": {t}, "values": {{"T11": "bad", "T12": 3.5, "NO.SUCH": 1, "T13": true, "T14": NaN}}}}'
    gateway.wait_for(gateway.publish(body.encode()))
    query = "SELECT tag, value, quality FROM hazardwatch.reading WHERE tag IN ('T11','T12','T13','T14') ORDER BY tag"
    rows = until(lambda: platform.rows(query), 10, "stored")
    assert rows[0] == ("T12", 3.5, 192)
    assert rows[1] == ("T13", 1.0, 192)
    assert (rows[2][0], rows[2][2]) == ("T14", 0)
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("tag", "ts"), [("T15", 4_070_908_800_000), ("T16", 1_767_225_600)], ids=["the year 2099", "seconds"]
)
def test_a_wrong_clock_silences_nothing(platform: Platform, gateway: GatewayClient, tag: str, ts: int) -> None:
    gateway.wait_for(gateway.publish({"ts": ts, "values": {tag: 85.0}}))
    query = f"SELECT extract(epoch FROM now() - t) FROM hazardwatch.reading WHERE tag = '{tag}'"
    age = until(lambda: platform.rows(query), 10, "stored")[0][0]
    assert abs(age) < 30
    until(lambda: [a for a in platform.get("/alarms")["items"] if a["tag"] == tag], 5, "its alarm is raised")


def test_an_empty_object_disturbs_nothing(platform: Platform, gateway: GatewayClient) -> None:
    gateway.wait_for(gateway.publish({}))
    gateway.wait_for(gateway.publish({"values": {}}))
    gateway.wait_for(gateway.publish([]))
    gateway.wait_for(gateway.publish({"ts": int(time.time() * 1000), "values": {"T17": 2.0}}))
    until(lambda: platform.rows("SELECT 1 FROM hazardwatch.reading WHERE tag = 'T17'"), 10, "the next one is stored")


TWELVE_FAULTS = {
    "gateways.csv": "enterprise,code,clock\nNOPE,GW1,wall\nE1,BAD CODE,wall\nE1,GW1,source\nE1,GW1,wall\n",
    "tags.csv": (
        "enterprise,source,tag,kind,unit,period_s,h,hh,deadband,priority,latch\n"
        "E1,TF1,A A,other,m,60,80,90,1,2,\n"
        "E1,TF1,B1,warmth,m,60,80,90,1,2,\n"
        "E1,TF1,B2,other,m,60,eighty,90,1,2,\n"
        "E1,TF1,B3,other,m,60,90,80,1,2,\n"
        "E1,TF1,B4,other,m,60,80,90,-1,2,\n"
        "E1,TF1,B5,other,m,60,80,90,1,7,\n"
        "E1,TF1,B6,other,m,60,80,90,1,2,maybe\n"
        "E1,NOWHERE,B7,other,m,60,80,90,1,2,\n"
    ),
}


def test_a_csv_with_twelve_faults_names_all_and_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    for name, text in TWELVE_FAULTS.items():
        (tmp_path / name).write_text(text)
    before = platform.get("/tags?limit=500")
    done = subprocess.run(
        [sys.executable, "-m", "hazardwatch", "site", "import", str(tmp_path), "--data-dir", str(platform.data_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    said = (done.stdout + done.stderr).splitlines()
    for place in (
        "gateways.csv:2: enterprise",
        "gateways.csv:3: code",
        "gateways.csv:4: clock",
        "gateways.csv:5: code",
        "tags.csv:2: tag",
        "tags.csv:3: kind",
        "tags.csv:4: h:",
        "tags.csv:5: ",
        "tags.csv:6: deadband",
        "tags.csv:7: priority",
        "tags.csv:8: latch",
        "tags.csv:9: source",
    ):
        assert [line for line in said if place in line], f"{place} in\n" + "\n".join(said)
    assert "Traceback" not in done.stdout + done.stderr
    after = platform.get("/tags?limit=500")
    assert [tag["tag"] for tag in after["items"]] == [tag["tag"] for tag in before["items"]]


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "hazardwatch", "up", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], names: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(said) == 1, said
    assert names in said[0]


def test_a_second_instance_on_the_folder_is_refused(platform: Platform) -> None:
    assert_one_clear_line(start("--data-dir", str(platform.data_dir)), "data_dir")


def test_a_taken_port_is_named(platform: Platform, tmp_path: Path) -> None:
    done = start("--data-dir", str(tmp_path / "data"), "--http-port", str(platform.http_port), "--mqtt-port", "0")
    assert_one_clear_line(done, "http_port")
    done = start("--data-dir", str(tmp_path / "data2"), "--http-port", "0", "--mqtt-port", str(platform.mqtt_port))
    assert_one_clear_line(done, "mqtt_port")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("database_url", "postgresql://nobody:x@127.0.0.1:1/none"),
        ("nats_url", "nats://127.0.0.1:1"),
        ("mqtt_url", "mqtt://127.0.0.1:1"),
        ("http_host", "0.0.0.0"),  # noqa: S104  this is what must be refused
    ],
)
def test_what_does_not_answer_or_is_not_allowed_is_named(tmp_path: Path, setting: str, value: str) -> None:
    words = ["--data-dir", str(tmp_path / "data"), "--http-port", "0", "--mqtt-port", "0"]
    assert_one_clear_line(start(*words, **{f"HAZARDWATCH_{setting.upper()}": value}), setting)


def test_an_object_with_an_id_is_confirmed_also_the_second_time(platform: Platform, gateway: GatewayClient) -> None:
    heard: list[dict[str, object]] = []
    gateway.client.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload))
    gateway.client.subscribe("hazard/v1/E1/GW1/confirmed", qos=1)
    body = {"ts": int(time.time() * 1000), "values": {"T18": 1.0, "NO.SUCH": 2.0}, "id": "a1b2"}
    gateway.wait_for(gateway.publish(body))
    until(lambda: len(heard) == 1, 10, "confirmed")
    gateway.wait_for(gateway.publish(body))
    until(lambda: len(heard) == 2, 10, "confirmed again")
    assert heard == [{"id": "a1b2", "stored": 1, "rejected": 1}] * 2
