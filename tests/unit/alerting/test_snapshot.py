"""Snapshots as bytes: whole, or refused."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.engine import Latest
from alerting.events import Ev, Event, State
from alerting.snapshot import Snapshot, opened, pack_latest, seal, unpack_latest, write
from alerting.taking import Taking, TakingError

STANDING = (Event(t=1, alarm="H", ev=Ev.ACTIVE, state=State.UNACK, alarm_id="a1"),)
TAKEN = Snapshot("epoch", 7, 3, 2, 1_000, b"engine", STANDING)


def sealed() -> bytes:
    with tempfile.TemporaryFile() as file:
        write(TAKEN, file)
        seal(file, 3)
        return file.read()


def test_a_snapshot_comes_back_as_it_was_taken() -> None:
    assert opened(sealed()) == TAKEN


async def test_a_copy_of_the_process_writes_what_was_there_at_its_making() -> None:
    state = ["before"]
    taking = Taking(lambda file: void(file.write(state[0].encode())))
    state[0] = "after"
    with await taking.written() as file:
        assert file.read() == b"before"


async def test_a_copy_that_fails_says_so() -> None:
    with pytest.raises(TakingError, match="ended with"):
        await Taking(lambda file: void(1 // 0)).written()


async def test_a_copy_that_nobody_waits_for_any_more_is_ended() -> None:
    taking = Taking(lambda file: time.sleep(60))
    waiting = asyncio.ensure_future(taking.written())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(taking.pid, 0)


def void(_: object) -> None:
    """Nothing is answered by who writes."""


@given(st.data())
def test_a_snapshot_that_is_not_whole_is_refused(data: st.DataObject) -> None:
    whole = sealed()
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
