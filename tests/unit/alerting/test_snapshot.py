"""Snapshots as bytes: whole, or refused."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.engine import Latest
from alerting.events import Ev, Event, State
from alerting.snapshot import Snapshot, opened, pack_latest, sealed, unpack_latest

STANDING = (Event(t=1, alarm="H", ev=Ev.ACTIVE, state=State.UNACK, alarm_id="a1"),)
TAKEN = Snapshot("epoch", 7, 3, 2, 1_000, b"engine", STANDING)


def test_a_snapshot_comes_back_as_it_was_taken() -> None:
    assert opened(sealed(TAKEN)) == TAKEN


@given(st.data())
def test_a_snapshot_that_is_not_whole_is_refused(data: st.DataObject) -> None:
    whole = sealed(TAKEN)
    place = data.draw(st.integers(0, len(whole) - 1))
    assert opened(whole[:place]) is None
    flipped = bytearray(whole)
    flipped[place] ^= data.draw(st.integers(1, 255))
    assert opened(bytes(flipped)) is None


def test_the_newest_readings_come_back() -> None:
    latest = Latest(
        np.array([3, 9], np.int32),
        np.array([10**12, 5], np.int64),
        np.array([1.5, np.nan]),
        np.array([192, 0], np.uint8),
        np.array([False, True]),
        np.array([10**12 + 3, 6], np.int64),
    )
    found = unpack_latest(pack_latest(latest))
    for name in ("points", "t_ms", "values", "qualities", "stale", "at_ms"):
        np.testing.assert_array_equal(getattr(found, name), getattr(latest, name))
    assert len(unpack_latest(b"").points) == 0
