"""A kept reject tried again: the readings it holds now, at the times it had then, and why it holds none."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches import Part
from ingest.reader import Reader
from ingest.rejects import EPOCH, KeptReject
from ingest.replay import Tried, try_again
from ingest.store import reject_id
from ingest.validate import Arrival, wiring
from line.messages import CLOCK_ARRIVAL, CLOCK_GATEWAY, CLOCK_SHIFTED, Reject
from registry.site import Gateway, Site
from tests.unit.ingest.sites import small_site, tag

NOW = 1_767_225_600_000
LATER = NOW + 3_600_000
TOPIC = "hazard/v1/E1/GW1/readings"


def mended() -> Site:
    """The small site, and what it lacked: a tag, a gateway, and a tag that moved to another gateway."""
    site = small_site()
    return msgspec.structs.replace(
        site,
        tags={**site.tags, "E1/NEW": tag(50, "NEW"), "E1/ONLY2": tag(5, "ONLY2", gateway="GW1")},
        gateways={**site.gateways, "E1/GW9": Gateway("E1", "GW9", id=9)},
    )


BEFORE, AFTER = wiring(small_site()), wiring(mended())


def refuse(payload: Any, *, topic: str = TOPIC, reader: Reader | None = None, retained: bool = False) -> list[Reject]:
    """The rejects of a message that came before the site was mended."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    outcome = (reader or Reader(BEFORE)).read(Arrival(topic, raw, len(raw), NOW, retained=retained))
    return [one for part in outcome.parts for one in part.rejects]


def as_kept(one: Reject) -> KeptReject:
    """A reject as the database gives it back."""
    instant = None if one.instant_ms is None else EPOCH + timedelta(milliseconds=one.instant_ms)
    at = EPOCH + timedelta(milliseconds=one.at_ms)
    about = (one.reason, one.detail, one.topic, one.enterprise, one.gateway, one.tag)
    return KeptReject(reject_id(one), at, *about, one.payload, one.size, one.sha256, instant, one.shift_ms)


def again(*kept: Reject) -> list[Tried]:
    return [try_again(as_kept(one), AFTER, LATER) for one in kept]


def rows_of(parts: list[Part]) -> list[tuple[int, int, float, int, int]]:
    """(point, time, value, quality, clock)."""
    return [
        row
        for one in (part.readings for part in parts)
        for row in zip(
            one.points.tolist(), one.t_ms.tolist(), one.values.tolist(), one.qualities.tolist(), one.clocks.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def readings(tried: Tried) -> list[tuple[int, int, float, int, int]]:
    return rows_of(tried.parts)


def test_a_tag_that_is_known_now() -> None:
    (kept,) = refuse({"ts": NOW - 5, "values": {"A": 1, "NEW": 2.5}, "quality": {"NEW": 64}})
    (tried,) = again(kept)
    assert readings(tried) == [(50, NOW - 5, 2.5, 64, CLOCK_GATEWAY)], "the rejected reading alone"
    assert (tried.mark.settled, tried.mark.outcome, tried.readings) == (True, "1 reading put on the line", 1)
    (part,) = tried.parts
    assert (part.gateway, part.at_ms) == (1, LATER), "it arrives now"
    assert part.statuses == (), "and is no sign of life"


def test_the_same_reject_is_the_same_message_another_another() -> None:
    one, other = refuse({"values": {"NEW": 2}}) + refuse({"values": {"NEW": 2}, "x": 1})
    first, second, third = again(one, one, other)
    assert first.parts[0].hash == second.parts[0].hash != third.parts[0].hash


def test_a_whole_message_of_a_gateway_that_is_known_now() -> None:
    said = [{"ts": NOW - 1, "values": {"A": 1, "NOPE": 2}}, {"values": {"B": None}}]
    (kept,) = refuse(said, topic="hazard/v1/E1/GW9/readings")
    (tried,) = again(kept)
    assert [row[:2] for row in readings(tried)] == [(1, NOW - 1), (2, NOW)], "its arrival where it gave no time"
    assert [row[4] for row in readings(tried)] == [CLOCK_GATEWAY, CLOCK_ARRIVAL]
    new = [one for part in tried.parts for one in part.rejects]
    assert [(one.reason, one.tag, one.at_ms) for one in new] == [("unknown_tag", "NOPE", NOW)]
    assert tried.mark.settled
    assert "1 refused for another reason" in tried.mark.outcome


def test_a_tag_that_belongs_to_this_gateway_now() -> None:
    (kept,) = refuse({"ts": NOW, "values": {"ONLY2": 7}})
    assert kept.reason == "wrong_gateway"
    assert [row[:3] for row in readings(*again(kept))] == [(5, NOW, 7.0)]


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        (b"no json", TOPIC, "still not_json"),
        ({"ts": NOW, "values": {"A": "3,5"}}, TOPIC, "still wrong_type"),
        ({"ts": NOW, "values": {"NOPE": 1}}, TOPIC, "still unknown_tag"),
        ({"ts": NOW, "values": {"A": 1}}, "hazard/v1/NOPE/GW1/readings", "still unknown_enterprise"),
        ({"ts": NOW, "values": {"A": 1}}, "hazard/v1/E1/NOPE/readings", "still unknown_gateway"),
        ({"ts": NOW, "values": {"A": 1}}, "hazard/nonsense", "still unknown_enterprise"),
        (b"gone", "hazard/v1/E1/GW1/status", "a status, not a reading"),
        (b"x" * (2 << 20), TOPIC, "cannot be replayed: only the first 65536 of its 2097152 bytes are kept"),
        ([{"values": {"A": 1}}] * 9000, "hazard/v1/E1/GW9/readings", "cannot be replayed: only the first 65536"),
    ],
)
def test_what_is_still_refused_says_why(payload: Any, topic: str, outcome: str) -> None:
    for tried in again(*refuse(payload, topic=topic)):
        assert tried.mark.outcome.startswith(outcome)
        assert not tried.mark.settled
        assert tried.parts == []


def test_another_value_at_the_same_time_stays_refused() -> None:
    said = b'{"ts": 5, "values": {"A": 2}}'
    kept = Reject("same_time", TOPIC, NOW, said, len(said), "", "", "E1", "GW1", "A")
    assert [tried.parts for tried in again(kept)] == [[]]


def test_a_retained_message_has_a_time_or_is_no_reading() -> None:
    timed, timeless = (refuse({**ts, "values": {"A": 1}}, retained=True) for ts in ({"ts": NOW - 9}, {}))
    assert [row[:2] for row in readings(*again(*timed))] == [(1, NOW - 9)]
    (tried,) = again(*timeless)
    assert (tried.parts, tried.mark.settled) == ([], False)


def test_a_partly_mended_message_stays_open_and_the_rest_counts_as_new() -> None:
    many = {f"T{n}": n for n in range(100)}  # each with a reject of its own; then one for the rest
    rest = refuse({"ts": NOW, "values": {**many, "NEW": 1, "NOPE": 2}})[-1]
    (tried,) = again(rest)
    assert [row[0] for row in readings(tried)] == [50]
    assert (tried.mark.settled, tried.mark.outcome) == (False, "1 reading put on the line; 101 still refused")
    site = mended()
    wider = wiring(msgspec.structs.replace(site, tags={**site.tags, "E1/NOPE": tag(51, "NOPE")}))
    wider_tried = try_again(as_kept(rest), wider, LATER)
    assert wider_tried.parts[0].hash != tried.parts[0].hash, "the engine must not take it for a repeat"


OBJECTS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(NOW - 10**9, NOW + 10**9), st.integers(0, 10**10)),
        st.dictionaries(st.sampled_from(["A", "B", "NEW", "ONLY1"]), st.floats(-10, 10), min_size=1),
    ),
    min_size=1,
    max_size=6,
)


@given(OBJECTS, st.integers(0, 2))
def test_a_replay_stores_what_would_have_been_stored_then(
    objects: list[tuple[int | None, dict[str, float]]], earlier: int
) -> None:
    """Against the same reader and the same message with the mended site: same points, times, values, clocks."""
    said = [{**({} if ts is None else {"ts": ts}), "values": values} for ts, values in objects]
    before, after = Reader(BEFORE), Reader(AFTER)
    for reader in (before, after):
        for _ in range(earlier):  # so that the message's own instant is not its arrival
            refuse({"values": {"A": 0}}, reader=reader)
    raw = json.dumps(said).encode()
    arrival = Arrival(TOPIC, raw, len(raw), NOW)
    live, wanted = before.read(arrival), after.read(arrival)
    replayed = again(*(one for part in live.parts for one in part.rejects))
    parts = [*live.parts, *(part for tried in replayed for part in tried.parts)]
    assert sorted(rows_of(parts)) == sorted(rows_of(wanted.parts))
    assert all(tried.mark.settled for tried in replayed)


def test_what_was_shifted_then_is_shifted_alike() -> None:
    """Beside the newest object of its message, whose time decided the shift."""
    year = 365 * 86_400_000
    said = [{"ts": NOW + year - 60_000, "values": {"NEW": 1}}, {"ts": NOW + year, "values": {"A": 1}}]
    (tried,) = again(*refuse(said))
    assert [(row[1], row[4]) for row in readings(tried)] == [(NOW - 60_000, CLOCK_SHIFTED)]
    assert np.array_equal(tried.parts[0].readings.source_t_ms, [NOW + year - 60_000])
