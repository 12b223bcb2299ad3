"""The engine killed again and again in mid-delay, and frozen for a minute: nothing moves, nothing is said twice."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

from alerting.events import Ev
from alerting.snapshot import newest
from line.clock import SteadyClock
from line.log import Line
from tests.integration.alerting.processes import Role, no_seam
from tests.integration.alerting.test_takeover import (
    DELAYED,
    FROZEN,
    frozen_and_woken,
    killed_in_mid_delay,
    plant_with,
)

KILLS = int(os.environ.get("HAZARDWATCH_ENGINE_KILLS", "20"))
FROZEN_S = (0, 15, 60)  # shorter and longer than the time between two snapshots


async def test_delays_come_true_in_their_own_time_over_many_kills(
    line: Line, line_url: str, clock: SteadyClock, tmp_path: Path
) -> None:
    plant = await plant_with(line, clock, DELAYED)
    owner = Role(line_url, tmp_path)
    try:
        for number in range(KILLS):
            await asyncio.sleep(11 * (number % 4 == 1))  # now and then there is a snapshot to begin with
            owner = await killed_in_mid_delay(line, plant, owner, line_url, tmp_path)
        assert await newest(line) is not None
        said = await no_seam(line)
    finally:
        owner.kill()
    print(f"\n{KILLS} kills, {len(said)} events, each at its own time and once")


async def test_an_owner_that_sleeps_for_a_minute_finds_another_in_its_place(
    line: Line, line_url: str, clock: SteadyClock, tmp_path: Path
) -> None:
    plant = await plant_with(line, clock, FROZEN)
    owner = Role(line_url, tmp_path)
    try:
        for seconds in FROZEN_S:
            with owner:
                owner = await frozen_and_woken(line, plant, owner, line_url, tmp_path, frozen_s=seconds)
        said = await no_seam(line)
    finally:
        owner.kill()
    rounds = len(FROZEN_S)
    assert Counter((e.tag, e.ev) for e in said) == {(tag, ev): rounds for tag in FROZEN for ev in (Ev.ACTIVE, Ev.RTN)}
