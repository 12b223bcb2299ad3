"""Stored readings of many tags, in order of time, to arrays: what a replay of the past is fed with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from ingest.export import midnight_after
from registry.database import Database, queries

# Readings in a slice: below FEW the next one is longer, above MANY shorter, and more than MOST are not even read: the
# slice is halved and asked for again. MOST come to 0.2 GB.
FEW, MANY, MOST = 100_000, 500_000, 2_000_000
FIRST, SHORTEST, LONGEST = timedelta(minutes=10), timedelta(milliseconds=1), timedelta(days=1)
HEADER_BYTES = 20  # of an array as PostgreSQL sends it: dimensions, nulls, type, length, first index
COLUMNS = tuple(np.dtype([("size", ">i4"), ("value", kind)]) for kind in (">i8", ">i4", ">f8", ">i2"))
THEIR_EPOCH_MS = 946_684_800_000  # 2000-01-01; they count microseconds


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings in order of time, one entry each: Unix milliseconds, point ids, values (NaN: none), OPC qualities."""

    t_ms: npt.NDArray[np.int64]
    points: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.t_ms)


@dataclass(frozen=True, slots=True)
class Slice:
    """All readings from `begin` until before `end`."""

    begin: datetime
    end: datetime
    readings: Readings


@dataclass(frozen=True, slots=True)
class Guess:
    """About so many readings lie from `begin` until before `end`."""

    begin: datetime
    end: datetime
    readings: float


async def stored_readings(
    database: Database, points: Collection[int], begin: datetime, end: datetime, *, most: int = MOST
) -> AsyncGenerator[Slice, None]:
    """The readings of these points from `begin` until before `end`, slice by slice of some 100,000 readings each.

    However dense they lie, only one slice is held at a time. Use with `contextlib.aclosing`.
    """
    sql = queries("ingest", "history.sql")["stored"]
    chosen = sorted(points)
    span, since = FIRST, begin
    async with database.connection() as connection:
        while since < end:
            until = min(since + span, end)
            asked = {"begin": since, "end": until, "points": chosen, "most": most + 1}
            # Unprepared: a plan for any stretch of time would look into all of them.
            cursor = await connection.execute(sql, asked, binary=True, prepare=False)
            found = _parsed(await cursor.fetchone())
            if len(found) > most and span > SHORTEST:
                span = max(span / 2, SHORTEST)
                continue
            yield Slice(since, until, found)
            since = until
            if len(found) > MANY:
                span = max(span / 2, SHORTEST)
            elif len(found) < FEW:
                span = min(span * 2, LONGEST)


async def guess(database: Database, points: Collection[int], begin: datetime, end: datetime) -> list[Guess]:
    """About how many readings of these points each day holds, as the database's own statistics have it.

    Counting them would take a good part of the time that reading them takes; a guess takes a millisecond a day.
    """
    sql = queries("ingest", "history.sql")["guess"]
    chosen = sorted(points)
    found, since = [], begin
    async with database.connection() as connection:
        while since < end:
            until = min(midnight_after(since), end)
            cursor = await connection.execute(sql, {"begin": since, "end": until, "points": chosen})
            row = await cursor.fetchone()
            found.append(Guess(since, until, 0.0 if row is None else float(row[0][0]["Plan"]["Plan Rows"])))
            since = until
    return found


async def stored_points(database: Database) -> Mapping[int, tuple[str, str]]:
    """The enterprise and tag of every id that readings were stored with; a tag that came back has several."""
    sql = queries("ingest", "history.sql")["points"]
    return {row.id: (row.enterprise, row.tag) for row in await database.rows(_Point, sql)}


@dataclass(frozen=True, slots=True)
class _Point:
    id: int
    enterprise: str
    tag: str


def _parsed(row: Sequence[bytes | None] | None) -> Readings:
    """Of one time in order of the points."""
    arrays = [
        np.frombuffer(sent or b"", column, offset=HEADER_BYTES if sent else 0)["value"]
        for sent, column in zip(row or (None,) * len(COLUMNS), COLUMNS, strict=True)
    ]
    order = np.lexsort((arrays[1], arrays[0]))
    t, points, values, qualities = (array[order] for array in arrays)
    t_ms = t.astype(np.int64) // 1_000 + THEIR_EPOCH_MS
    return Readings(t_ms, points.astype(np.int32), values.astype(np.float64), qualities.astype(np.uint8))
