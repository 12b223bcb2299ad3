"""How far everybody has come to what the line may forget: the one task that trims it.

The bucket `positions` holds, as decimal digits: `historian`, the sequence of INPUT that is committed to the database;
`journal`, the sequence of ALARM that is; `engine`, the sequence of INPUT that the older of its kept snapshots covers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from line.log import Line, LineError

log = structlog.get_logger()

POSITIONS = "positions"
HISTORIAN, ENGINE, JOURNAL = "historian", "engine", "journal"
EVERY_S = 5.0
ALARM_KEPT_S = 600.0  # screens that were away for less get the events they missed


class Ends(NamedTuple):
    """With which sequences the streams ended at some time."""

    at_s: float
    last_input: int
    last_alarm: int


def floors(positions: Mapping[str, bytes], last_alarm: int, before: Ends | None) -> tuple[int, int]:
    """The first sequence of INPUT and of ALARM that somebody may still want; 1 keeps everything.

    `before` is how the streams ended ALARM_KEPT_S ago. Events of an input that a snapshot covers are in the snapshot.
    ALARM's last message always stays: by it a new engine knows what was said.
    """
    historian, engine, journal = (_position(positions.get(name)) for name in (HISTORIAN, ENGINE, JOURNAL))
    input_from = alarm_from = 1
    if historian is not None and engine is not None:
        input_from = min(historian, engine) + 1
    if journal is not None and engine is not None and before is not None and before.last_input <= engine:
        alarm_from = min(journal + 1, before.last_alarm + 1, last_alarm)
    return input_from, max(alarm_from, 1)


async def keep_trimmed(line: Line) -> None:
    """Forgets every few seconds what nobody needs; runs until cancelled."""
    ends: deque[Ends] = deque()  # 120 entries in ten minutes
    clock = asyncio.get_running_loop().time
    done = (1, 1)
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            last_alarm = await line.last_alarm_seq()
            ends.append(Ends(clock(), await line.last_input(), last_alarm))
            while len(ends) > 1 and ends[1].at_s <= clock() - ALARM_KEPT_S:
                ends.popleft()
            before = ends[0] if ends[0].at_s <= clock() - ALARM_KEPT_S else None
            wanted = floors(await line.entries(POSITIONS), last_alarm, before)
            if wanted != done:
                await line.trim(*wanted)
                done = wanted
        except (LineError, ValueError) as error:
            log.info("the line was not trimmed", error=str(error))


def _position(value: bytes | None) -> int | None:
    return int(value) if value else None
