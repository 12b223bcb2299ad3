"""Rejects whose cause is mended to readings on the line: the way of live readings, never past it into the database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from ingest.batches import pack
from ingest.rejects import EPOCH, SQL, Choice, cursor_of, mark, open_rejects
from ingest.replay import Tried, try_again
from ingest.validate import wiring
from line.log import Line, Unavailable
from line.messages import Batch
from registry.database import Database, queries
from registry.store import current

log = structlog.get_logger()

AT_ONCE = 200  # rejects in hand: 13 MB at most
CLAIM = 0x4A5A5259  # any number that nobody else locks: one replay at a time
ATTEMPTS, PAUSE_S = 10, 0.2


class BusyError(Exception):
    """Somebody replays already; two at once would only do the same twice."""


@dataclass(slots=True)
class Replayed:
    """What a replay did: rejects looked at, settled by it, readings put on the line; and why the others stay."""

    rejects: int = 0
    settled: int = 0
    readings: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    next: str | None = None  # where to go on, if there was more than asked for
    input_seq: int = 0  # the last message on INPUT that it wrote; stored when the historian is there


async def replay(
    line: Line,
    database: Database,
    choice: Choice,
    *,
    by: str,
    now_ms: Callable[[], int],
    most: int | None = None,
    after: str | None = None,
) -> Replayed:
    """Tries the chosen rejects again, the oldest first, at most `most` of them; BusyError where another replay runs.

    A reject is marked when its readings are on the line. Killed between the two, it is replayed again and changes
    nothing: the readings have the same tags, times, values, and the message the same identity.
    """
    done = Replayed(next=after)
    async with _alone(database):
        wires = wiring(await current(line))
        while most is None or done.rejects < most:
            room = AT_ONCE if most is None else min(AT_ONCE, most - done.rejects)
            found = await open_rejects(database, choice, limit=room, after=done.next)
            if found:
                tried = [try_again(kept, wires, now_ms()) for kept in found]
                tried.sort(key=_as_it_happened)
                await _put(line, database, tried, wires.version, by=by, now_ms=now_ms, done=done)
                done.next = cursor_of(found[-1])
            if len(found) < room:
                done.next = None
                break
    log.info("rejects replayed", by=by, rejects=done.rejects, settled=done.settled, readings=done.readings)
    return done


async def _put(
    line: Line,
    database: Database,
    tried: list[Tried],
    version: int,
    *,
    by: str,
    now_ms: Callable[[], int],
    done: Replayed,
) -> None:
    """On the line first, then marked; in the order in which they came."""
    for parcel in pack([(one, one.parts) for one in tried], version):
        if parcel.batch is not None:
            done.input_seq = await _append(line, replace(parcel.batch, replayed=True))
        await mark(database, [one.mark for one in parcel.ending], by=by, at=EPOCH + timedelta(milliseconds=now_ms()))
        for one in parcel.ending:
            done.rejects += 1
            done.settled += one.mark.settled
            done.readings += one.readings
            if not one.mark.settled:
                done.refused[one.mark.outcome] += 1


def _as_it_happened(one: Tried) -> int:
    """Of one reading after the other of a message, and of one message after the other, the engine wants the older."""
    return min((int(part.readings.t_ms[0]) for part in one.parts if len(part.readings)), default=0)


async def _append(line: Line, batch: Batch) -> int:
    """LineFull where INPUT has no room: what lives comes first, and the replay can be asked for again."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await line.append(batch)
        except Unavailable:
            await asyncio.sleep(PAUSE_S)
    return await line.append(batch)


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    async with database.connection() as connection:
        row = await (await connection.execute(queries("ingest", SQL)["claim"], {"key": CLAIM})).fetchone()
        if not row or not row[0]:
            raise BusyError("another replay of rejects is under way; ask again when it has ended")
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%(key)s)", {"key": CLAIM})
