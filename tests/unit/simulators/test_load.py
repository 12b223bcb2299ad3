"""Loads: no reading twice, none beyond a limit, and nothing in the ledger that was not confirmed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from simulators.gateway import Account
from simulators.load import AHEAD_MS, Ledger, LoadError, Message, Readings, Result, Row
from simulators.tags import DEMO, read

TAGS = [tag for tag in read(DEMO) if (tag.enterprise, tag.gateway) == ("EASTOIL", "GW1")]
ACCOUNT = Account("E1", "GW1", "E1.GW1", "secret")


def test_no_tag_has_two_readings_at_one_time_however_fast_they_come() -> None:
    source = Readings(TAGS, 7, 0)
    rows = [row for number in range(2_000) for row in source.next(number // 10)]
    assert len({(row.tag, row.ts) for row in rows}) == len(rows)
    assert len({row.value for row in rows if row.tag == TAGS[0].tag}) > 50


def test_all_tags_get_their_turn_and_messages_their_size() -> None:
    source = Readings(TAGS, 7, 0)
    found = [source.next(1_000 + number) for number in range(len(TAGS))]
    assert {row.tag for rows in found for row in rows} == {tag.tag for tag in TAGS}
    assert max(len(rows) for rows in found) == 7
    assert all(len({row.ts for row in rows}) == 1 for rows in found)


def test_a_load_rings_no_alarm() -> None:
    limits = {tag.tag: tag.limits for tag in TAGS}
    source = Readings(TAGS, len(TAGS), 0)
    for number in range(3_000):
        for row in source.next(number):
            for level, limit in limits[row.tag].items():
                assert row.value < limit if level in ("h", "hh") else row.value > limit


def test_a_rate_that_is_too_high_for_the_tags_is_refused_before_times_run_away() -> None:
    source = Readings(TAGS[:1], 1, 0)
    for _ in range(AHEAD_MS + 1):
        source.next(0)
    with pytest.raises(LoadError, match="too few tags"):
        source.next(0)


def test_a_gateway_without_tags_is_refused() -> None:
    with pytest.raises(LoadError, match="no tags"):
        Readings([], 1, 0)


def test_the_ledger_holds_what_was_confirmed_and_when(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    with path.open("w") as file:
        ledger = Ledger(file)
        ledger.write([(Message(ACCOUNT, [Row("A", 5, 1.25), Row("B", 5, 0.1)], 10), 14)])
        assert path.read_text().splitlines() == [
            "enterprise,gateway,tag,ts,value,t_sent,t_acked",
            "E1,GW1,A,5,1.25,10,14",
            "E1,GW1,B,5,0.1,10,14",
        ]
    assert ledger.delays_ms == [4]


def test_a_ledger_needs_a_file_that_can_be_synced() -> None:
    with pytest.raises(io.UnsupportedOperation):
        Ledger(io.StringIO()).write([])


def test_a_result_is_one_line_of_json() -> None:
    assert Result(10, 9, 180, 2.0, 1.5, 3.5).text() == (
        '{"messages": 10, "confirmed": 9, "readings": 180, "took_s": 2.0, "puback_p50_ms": 1.5, '
        '"puback_p99_ms": 3.5, "readings_s": 90}'
    )
