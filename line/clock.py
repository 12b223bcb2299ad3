"""The steady clock: Unix milliseconds that never step, the same for all roles of one host."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import structlog

from line.log import Conflict, Line, LineError

log = structlog.get_logger()

STEP_MS = 1_000  # a wall clock that differs by more has been stepped: a platform alarm
SLEW_PER_S_MS = 5  # how fast a step is followed: 0.5 %, so that a delay of 60 s is off by 0.3 s at most
BUCKET = "clock"


class SteadyClock:
    """The wall time when this boot of the host first joined the line, plus the monotonic clock since.

    The offset between the two is kept in the bucket `clock` under the boot's id, so that a role which starts after a
    step of the wall clock still agrees with the others. `steer` (one role does it) follows a step slowly.
    """

    def __init__(self, offset_ms: int) -> None:
        self._offset_ms = offset_ms

    @classmethod
    async def open(cls, line: Line) -> SteadyClock:
        boot = _boot()
        mine = _wall_ms() - _monotonic_ms()
        found = await line.get(BUCKET, boot)
        if found is None:
            try:
                await line.create(BUCKET, boot, str(mine).encode())
            except Conflict:
                found = await line.get(BUCKET, boot)
        return cls(int(found[0]) if found else mine)

    def now_ms(self) -> int:
        """Unix milliseconds; never goes back, never jumps."""
        return _monotonic_ms() + self._offset_ms

    def step_ms(self) -> int:
        """How far the wall clock is ahead of this one: more than STEP_MS means it was stepped."""
        return _wall_ms() - self.now_ms()

    async def follow(self, line: Line) -> None:
        """Takes over the offset that the steering role writes; runs until cancelled."""
        boot = _boot()
        async with aclosing(line.watch(BUCKET)) as changes:
            async for key, value in changes:
                if key == boot and value is not None:
                    self._offset_ms = int(value)

    async def steer(self, line: Line) -> None:
        """Moves the offset towards the wall clock by at most SLEW_PER_S_MS each second; runs until cancelled."""
        boot = _boot()
        while True:
            await asyncio.sleep(1)
            move = slewed(self.step_ms())
            if move == 0:
                continue
            self._offset_ms += move
            try:
                await line.put(BUCKET, boot, str(self._offset_ms).encode())
            except LineError as error:
                log.info("the clock's offset is kept here only", error=str(error))


def slewed(behind_ms: int) -> int:
    """By how much the clock is moved this second when the wall clock is so far ahead of it."""
    if abs(behind_ms) <= SLEW_PER_S_MS:
        return 0
    return max(-SLEW_PER_S_MS, min(SLEW_PER_S_MS, behind_ms))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _boot() -> str:
    """The id of this boot of the host: the monotonic clock starts anew with it."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "host"
