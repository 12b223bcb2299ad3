"""The steady clock: roles of one host agree, whatever the wall clock does meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from line.clock import STEP_MS, SteadyClock
from line.log import Line

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


async def test_a_role_that_starts_after_a_step_of_the_wall_clock_agrees_with_the_others(line: Line) -> None:
    first = await SteadyClock.open(line)
    assert abs(first.step_ms()) < STEP_MS

    kept = await line.get("clock", BOOT)
    assert kept is not None
    await line.put("clock", BOOT, str(int(kept[0]) - 3_600_000).encode())  # as if the wall had jumped an hour since
    later = await SteadyClock.open(line)
    assert abs(later.step_ms() - 3_600_000) < STEP_MS
    assert abs(first.now_ms() - later.now_ms() - 3_600_000) < STEP_MS


async def test_the_others_follow_whoever_steers(line: Line) -> None:
    clock = await SteadyClock.open(line)
    before = clock.now_ms()
    following = asyncio.create_task(clock.follow(line))
    kept = await line.get("clock", BOOT)
    assert kept is not None
    await line.put("clock", BOOT, str(int(kept[0]) + 60_000).encode())
    async with asyncio.timeout(5):
        while clock.now_ms() - before < 60_000:  # noqa: ASYNC110  a clock has no event to wait for
            await asyncio.sleep(0)
    following.cancel()


async def test_the_clock_never_goes_back(line: Line) -> None:
    clock = await SteadyClock.open(line)
    times = [clock.now_ms() for _ in range(10_000)]
    assert times == sorted(times)
