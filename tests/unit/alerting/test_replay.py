"""Files in, events out: vectors and readings without the platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerting import replay
from alerting.replay import ReplayError, replay_readings, replay_vectors
from registry.alarms import AlarmSettings, Plan, PointSettings

VECTORS = Path(__file__).parents[2] / "vectors" / "alarm_vectors.json"
PLAN = Plan(
    1,
    (
        PointSettings(
            id=1, enterprise="E1", source="S1", tag="TK1.LT", unit="m", stale_ms=60_000, timer_lag_ms=1_000,
            alarms={"HH": AlarmSettings(90.0), "H": AlarmSettings(80.0, on_delay_ms=5_000)},
        ),
        PointSettings(id=2, enterprise="E1", source="S1", tag="TK1.PT", alarms={"L": AlarmSettings(1.0)}),
    ),
)  # fmt: skip
HEAD = "ts,enterprise,tag,value,quality\n"


def replayed(tmp_path: Path, text: str, plan: Plan = PLAN) -> tuple[list[dict[str, object]], list[str]]:
    readings, out, said = tmp_path / "readings.csv", tmp_path / "events.jsonl", list[str]()
    readings.write_text(text, encoding="utf-8")
    replay_readings(plan, readings, out, said.append)
    return [json.loads(line) for line in out.read_text().splitlines()], said


def test_vectors_are_written_with_what_was_said_and_what_was_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    replay_vectors(VECTORS, out)
    results = {result["id"]: result for result in json.loads(out.read_text())}
    assert len(results) == len(json.loads(VECTORS.read_text())["vectors"])
    assert set(results["V15"]) == {"id", "refused"}
    assert "HH would clear at 75" in results["V15"]["refused"]
    assert results["V01"]["final"] == {"H": "UNACK"}
    assert set(results["V01"]) == {"id", "events", "final"}


def test_what_is_no_file_of_vectors_is_said(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("[1]")
    with pytest.raises(ReplayError, match="not a file of vectors"):
        replay_vectors(tmp_path / "v.json", tmp_path / "out.json")


def test_readings_become_events_in_order_of_time_with_one_tick_at_the_end(tmp_path: Path) -> None:
    events, said = replayed(
        tmp_path,
        HEAD
        + "0,E1,TK1.LT,81,192\n\n1000,E1,TK1.PT,0.5,\n3000,E1,TK1.LT,95,64\n3000,E1,TK1.PT,,\n9000,E1,TK1.PT,nan,0\n",
    )
    assert [(e["t"], e["tag"], e["alarm"], e["ev"]) for e in events] == [
        (1000, "TK1.PT", "L", "ACTIVE"),
        (3000, "TK1.LT", "HH", "ACTIVE"),
        (3000, "TK1.LT", "H", "ACTIVE"),
        (3000, "TK1.PT", "POINT", "BAD"),
    ]
    assert events[1] | {"alarm_id": ""} == {
        "t": 3000, "alarm": "HH", "ev": "ACTIVE", "enterprise": "E1", "source": "S1", "tag": "TK1.LT", "alarm_id": "",
        "priority": 3, "state": "UNACK", "since": 3000, "occ": 1, "ann": True, "q": "U", "value": 95.0, "limit": 90.0,
        "unit": "m", "received_at": 3000,
    }  # fmt: skip
    assert said[0].startswith("5 readings in ")
    assert said[0].endswith(" readings/s")
    assert said[1] == "alarms: HH 1, H 1, LL 0, L 1"


def test_the_last_tick_lets_what_is_due_come_true(tmp_path: Path) -> None:
    events, _ = replayed(tmp_path, HEAD + "0,E1,TK1.LT,81,192\n6001,E1,TK1.PT,5,192\n")
    assert [(e["t"], e["alarm"], e["ev"]) for e in events] == [(5000, "H", "ACTIVE")]


def test_a_file_out_of_order_is_sorted_stably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ROWS", 2)
    rows = ["5000,E1,TK1.PT,5,192", "1000,E1,TK1.PT,0.5,192", "1000,E1,TK1.PT,2,192", "0,E1,TK1.PT,3,192"]
    shuffled, _ = replayed(tmp_path, HEAD + "\n".join(rows) + "\n")
    assert [(e["t"], e["ev"]) for e in shuffled] == [(1000, "ACTIVE"), (1000, "RTN")]
    in_order, _ = replayed(tmp_path, HEAD + "\n".join([rows[3], rows[1], rows[2], rows[0]]) + "\n")
    assert in_order == shuffled


def test_columns_may_stand_in_any_order_behind_a_byte_order_mark(tmp_path: Path) -> None:
    events, _ = replayed(tmp_path, "\ufeffvalue,quality,tag,enterprise,ts\n0.5,192,TK1.PT,E1,7\n")
    assert [(e["t"], e["alarm"]) for e in events] == [(7, "L")]


def test_no_readings_make_no_events(tmp_path: Path) -> None:
    assert replayed(tmp_path, HEAD)[0] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ts,enterprise,tag,value\n", ":1: quality: no such column"),
        ("", ":1: ts: no such column"),
        (HEAD + "0,E1,TK1.LT,1,192\nnoon,E1,TK1.LT,1,192\n", ":3: ts: 'noon' is no time"),
        (HEAD + "1.5,E1,TK1.LT,1,192\n", ":2: ts: '1.5' is no time"),
        (HEAD + "0,E1,TK9,1,192\n", ":2: tag: the site has no tag E1/TK9"),
        (HEAD + '0,E1,TK1.LT,"12,5",192\n', ":2: value: '12,5' is no number"),
        (HEAD + "0,E1,TK1.LT,1,good\n", ":2: quality: 'good' is none of 192, 64, 0 or empty"),
        (HEAD + "0,E1,TK1.LT,1,100\n", ":2: quality: '100' is none of 192, 64, 0 or empty"),
        (HEAD + "0,E1,TK1.LT\n", ":2: value: missing; the row has 3 of 5 cells"),
        (HEAD + "99999999999999999999,E1,TK1.LT,1,192\n", ":2: ts: 99999999999999999999 is beyond"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ReplayError) as caught:
        replayed(tmp_path, text)
    assert f"readings.csv{fault}" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"nowhere\.csv: No such file"):
        replay_readings(PLAN, tmp_path / "nowhere.csv", tmp_path / "out.jsonl")


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_bytes(HEAD.encode() + b"0,E1,\xff,1,192\n")
    with pytest.raises(ReplayError, match="not a CSV file in UTF-8"):
        replay_readings(PLAN, tmp_path / "readings.csv", tmp_path / "out.jsonl")
