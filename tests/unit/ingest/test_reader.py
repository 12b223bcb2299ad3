"""One message to what goes on the line: its readings, rejects, statuses, identity and confirmations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches import MOST_READINGS, Part
from ingest.reader import MOST_MOVED_MS, Outcome, Reader
from ingest.validate import Arrival, wiring
from line.messages import CLOCK_ARRIVAL, CLOCK_GATEWAY, CLOCK_SHIFTED
from tests.unit.ingest.sites import small_site

NOW = 1_767_225_600_000
TOPIC = "hazard/v1/E1/GW1/readings"
WIRING = wiring(small_site())


def read(
    payload: Any, *, topic: str = TOPIC, at_ms: int = NOW, retained: bool = False, reader: Reader | None = None
) -> Outcome:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return (reader or Reader(WIRING)).read(Arrival(topic, raw, len(raw), at_ms, retained=retained))


def columns(outcome: Outcome) -> list[tuple[int, int, int]]:
    """(point, time, clock) of every reading."""
    return [
        row
        for part in outcome.parts
        for row in zip(
            part.readings.points.tolist(), part.readings.t_ms.tolist(), part.readings.clocks.tolist(), strict=True
        )
    ]


def reasons(outcome: Outcome) -> list[tuple[str, str]]:
    return [(one.reason, one.tag) for part in outcome.parts for one in part.rejects]


def first(outcome: Outcome) -> Part:
    return outcome.parts[0]


def test_a_good_message() -> None:
    outcome = read({"ts": NOW - 5, "values": {"A": 1.5, "B": None}, "quality": {"A": 64}, "id": "k"})
    assert columns(outcome) == [(1, NOW - 5, CLOCK_GATEWAY), (2, NOW - 5, CLOCK_GATEWAY)]
    assert np.array_equal(first(outcome).readings.values, [1.5, np.nan], equal_nan=True)
    assert first(outcome).readings.qualities.tolist() == [64, 0]
    assert (first(outcome).gateway, first(outcome).at_ms) == (1, NOW)
    assert outcome.confirmations == [
        ("hazard/v1/E1/GW1/confirmed", b'{"id": "k", "stored": 2, "rejected": 0}'),
    ]
    assert [(one.gateway, one.online) for one in first(outcome).statuses] == [(1, True)]


def test_good_readings_are_kept_beside_bad_ones_and_counted() -> None:
    outcome = read({"ts": NOW, "values": {"A": 1, "B": "x", "NOPE": 2, "ONLY2": 3}, "id": "k"})
    assert [point for point, _, _ in columns(outcome)] == [1]
    assert sorted(reasons(outcome)) == [("unknown_tag", "NOPE"), ("wrong_gateway", "ONLY2"), ("wrong_type", "B")]
    assert json.loads(outcome.confirmations[0][1]) == {"id": "k", "stored": 1, "rejected": 3}


def test_an_array_confirms_each_object_with_an_id() -> None:
    outcome = read(
        [
            {"ts": 1e12, "values": {"A": 1}, "id": "a"},
            {"ts": "x", "values": {"A": 1, "B": 1}, "id": "b"},
            {"values": {}},
        ]
    )
    assert [json.loads(body) for _, body in outcome.confirmations] == [
        {"id": "a", "stored": 1, "rejected": 0},
        {"id": "b", "stored": 0, "rejected": 2},
    ]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("hazard/v1/X/GW1/readings", "unknown_enterprise"),
        ("hazard/v1/E1/X/readings", "unknown_gateway"),
        ("hazard/v1/X/X/status", "unknown_enterprise"),
    ],
)
def test_strangers_are_kept_whole(topic: str, reason: str) -> None:
    payload = b'{"ts": 1, "values": {"A": 1, "B": 2}, "id": "k"}'
    outcome = read(payload, topic=topic)
    assert reasons(outcome) == [(reason, "")]
    assert first(outcome).rejects[0].payload == payload
    assert columns(outcome) == []
    for confirmed_topic, body in outcome.confirmations:
        assert confirmed_topic == topic.replace("readings", "confirmed")
        assert json.loads(body) == {"id": "k", "stored": 0, "rejected": 2}


def test_a_retained_message_is_no_reading() -> None:
    assert reasons(read({"values": {"A": 1}}, retained=True)) == [("retained", "")]


def test_what_is_too_large_is_refused_by_its_size_though_only_its_begin_is_here() -> None:
    outcome = Reader(WIRING).read(Arrival(TOPIC, b"[" * 65536, 10 << 20, NOW, "ab" * 32))
    assert reasons(outcome) == [("too_large", "")]
    kept = outcome.parts[-1].rejects[0]
    assert (kept.size, kept.sha256) == (10 << 20, "ab" * 32)


@pytest.mark.parametrize("payload", [b"[]", b'{"values": {}}', b'[{"values": {}}, {"values": {}}]'])
def test_an_empty_message_is_no_fault(payload: bytes) -> None:
    outcome = read(payload)
    assert (columns(outcome), reasons(outcome)) == ([], [])


@pytest.mark.parametrize(("ts", "shift"), [(1_767_225_600, None), (4_070_908_800_000, None), (NOW + 10_001, -10_001)])
def test_impossible_times_are_shifted_and_the_original_kept(ts: int, shift: int | None) -> None:
    outcome = read([{"ts": ts - 2_000, "values": {"A": 1}}, {"ts": ts, "values": {"A": 2}}])
    assert columns(outcome) == [(1, NOW - 2_000, CLOCK_SHIFTED), (1, NOW, CLOCK_SHIFTED)]
    assert first(outcome).readings.source_t_ms.tolist() == [ts - 2_000, ts]
    assert shift is None or NOW - ts == shift


def test_a_drill_keeps_its_own_times() -> None:
    outcome = read({"ts": 4_070_908_800_000, "values": {"A": 1}}, topic="hazard/v1/EX/GW1/readings")
    assert columns(outcome) == [(6, 4_070_908_800_000, CLOCK_GATEWAY)]
    outcome = read({"ts": 500, "values": {"A": 1}}, topic="hazard/v1/EX/GW1/readings")
    assert columns(outcome) == [(6, 500, CLOCK_GATEWAY)]


def test_a_message_without_time_gets_its_arrival_and_no_identity() -> None:
    outcome = read({"values": {"A": 1}})
    assert columns(outcome) == [(1, NOW, CLOCK_ARRIVAL)]
    assert first(outcome).hash == 0
    assert first(read([{"ts": NOW, "values": {"A": 1}}, {"values": {"B": 1}}])).hash == 0


def test_two_messages_without_time_in_one_millisecond_are_two_readings() -> None:
    reader = Reader(WIRING)
    times = [columns(read({"values": {"A": n}}, reader=reader))[0][1] for n in range(3)]
    assert times == [NOW, NOW + 1, NOW + 2]
    for _ in range(MOST_MOVED_MS + 5):
        newest = columns(read({"values": {"A": 1}}, reader=reader))[0][1]
    assert newest == NOW + MOST_MOVED_MS


def test_the_same_message_has_the_same_identity_another_another() -> None:
    same = {first(read({"ts": NOW, "values": {"A": 1}}, at_ms=NOW + n)).hash for n in range(3)}
    assert len(same) == 1
    assert 0 not in same
    assert first(read({"ts": NOW, "values": {"A": 2}})).hash not in same
    assert first(read({"ts": NOW, "values": {"A": 1}}, topic=TOPIC.replace("GW1", "GW2"))).hash not in same


def test_a_clock_that_stands_still_does_not_silence_its_sensor() -> None:
    reader = Reader(WIRING)
    found = [read({"ts": 0, "values": {"A": 1}}, at_ms=NOW + 1_000 * n, reader=reader) for n in range(3)]
    assert [first(outcome).hash for outcome in found] == [0, 0, 0]
    assert [columns(outcome)[0][1] for outcome in found] == [NOW, NOW + 1_000, NOW + 2_000]


def test_a_backfill_newest_first_is_put_in_order() -> None:
    outcome = read([{"ts": NOW - n, "values": {"A": n}} for n in range(5)])
    assert [t for _, t, _ in columns(outcome)] == [NOW - 4, NOW - 3, NOW - 2, NOW - 1, NOW]


def test_a_long_backfill_is_cut_and_each_piece_has_its_own_identity() -> None:
    payload = [{"ts": NOW - n, "values": {"A": n}} for n in range(2 * MOST_READINGS + 1)]
    parts = read(payload).parts
    assert [len(part.readings) for part in parts] == [MOST_READINGS, MOST_READINGS, 1]
    assert len({part.hash for part in parts}) == 3
    assert [part.hash for part in read(payload).parts] == [part.hash for part in parts]


def test_statuses() -> None:
    reader = Reader(WIRING)
    topic = "hazard/v1/E1/GW2/status"
    came = first(read({"online": True, "ts": 5}, topic=topic, reader=reader)).statuses
    assert [(one.gateway, one.online, one.at_ms, one.ts_ms) for one in came] == [(2, True, NOW, 5)]
    assert read({"online": True}, topic=topic, reader=reader).parts == []
    went = first(read({"online": False}, topic=topic, reader=reader)).statuses
    assert [(one.gateway, one.online) for one in went] == [(2, False)]
    assert read(b"", topic=topic, reader=reader).parts == []
    assert reasons(read(b"offline", topic=topic, reader=reader)) == [("not_json", "")]


@given(st.binary(max_size=300), st.sampled_from([TOPIC, "hazard/v1/E1/GW2/status", "x", "hazard/v1/\0/GW1/readings"]))
def test_whatever_comes_is_read(payload: bytes, topic: str) -> None:
    read(payload, topic=topic)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(10**16), 10**16),
            st.dictionaries(st.sampled_from(["A", "B", "ONLY2", "NOPE"]), st.floats() | st.text(max_size=2)),
        ),
        max_size=5,
    )
)
def test_every_reading_is_stored_or_kept_as_a_reject(objects: list[tuple[int | None, dict[str, object]]]) -> None:
    sent = [{"values": values} if ts is None else {"ts": ts, "values": values} for ts, values in objects]
    outcome = read(sent)
    count = sum(len(values) for _, values in objects)
    assert outcome.stored == len(columns(outcome))
    assert outcome.stored + len(reasons(outcome)) == count
    for part in outcome.parts:
        assert (part.readings.t_ms <= NOW + 10_000).all()


def test_a_reject_remembers_the_times_its_message_was_given() -> None:
    reader = Reader(WIRING)
    given = [{"values": {"NEW": 1}}, {"values": {"NEW": 2}}, {"ts": 5_000, "values": {"NEW": 3, "A": 1}}]
    kept = [one for said in given for part in read(said, reader=reader).parts for one in part.rejects]
    assert [(one.instant_ms, one.shift_ms) for one in kept] == [
        (None, 0), (NOW + 1, 0), (NOW + 2, NOW + 2 - 5_000),
    ]  # fmt: skip
    (stranger,) = first(read({"values": {"A": 1}}, topic="hazard/v1/E1/NEW/readings")).rejects
    assert (stranger.instant_ms, stranger.shift_ms) == (None, None), "nobody judged its clock"


def test_the_part_of_a_refused_reading_has_its_quality() -> None:
    outcome = read({"ts": NOW, "values": {"NEW": 1, "A": 2}, "quality": {"NEW": 64, "A": 64}})
    (kept,) = (one for part in outcome.parts for one in part.rejects)
    assert json.loads(kept.payload) == {"ts": NOW, "values": {"NEW": 1}, "quality": {"NEW": 64}}
