"""Stored readings of many tags, in order of time, to arrays: what a replay of the past is fed with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from registry.database import Database, queries

FEW, MANY = 100_000, 1_000_000  # readings in a slice below which it grows, above which it shrinks
FIRST, SHORTEST, LONGEST = timedelta(minutes=10), timedelta(seconds=10), timedelta(days=1)
HEADER_BYTES, TRAILER_BYTES = 19, 2  # of PostgreSQL's binary COPY
ROW = np.dtype(
    [
        ("fields", ">i2"), ("t_size", ">i4"), ("t", ">i8"), ("point_size", ">i4"), ("point", ">i4"),
        ("value_size", ">i4"), ("value", ">f8"), ("quality_size", ">i4"), ("quality", ">i2"),
    ]
)  # fmt: skip


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


async def stored_readings(
    database: Database, points: Collection[int], begin: datetime, end: datetime
) -> AsyncIterator[Slice]:
    """The readings of these points from `begin` until before `end`, slice by slice of some 100,000 readings each."""
    sql = queries("ingest", "history.sql")["stored"]
    chosen = sorted(points)
    span, until = FIRST, begin
    async with database.connection() as connection:
        while until < end:
            since, until = until, min(until + span, end)
            asked = {"begin": since, "end": until, "points": chosen}
            async with connection.cursor() as cursor, cursor.copy(sql, asked) as copy:
                parts = [bytes(block) async for block in copy]
            found = _parsed(b"".join(parts))
            yield Slice(since, until, found)
            if len(found) > MANY:
                span = max(span / 2, SHORTEST)
            elif len(found) < FEW:
                span = min(span * 2, LONGEST)


async def point_ids(database: Database) -> Mapping[tuple[str, str], int]:
    """The id under which the readings of each tag are stored, by enterprise and tag; retired ones with them."""
    sql = queries("ingest", "history.sql")["points"]
    return {(row.enterprise, row.tag): row.id for row in await database.rows(_Point, sql)}


@dataclass(frozen=True, slots=True)
class _Point:
    id: int
    enterprise: str
    tag: str


def _parsed(data: bytes) -> Readings:
    rows = np.frombuffer(
        data, ROW, offset=HEADER_BYTES, count=(len(data) - HEADER_BYTES - TRAILER_BYTES) // ROW.itemsize
    )
    order = np.lexsort((rows["point"], rows["t"]))
    rows = rows[order]
    return Readings(
        rows["t"].astype(np.int64), rows["point"].astype(np.int32), rows["value"].astype(np.float64),
        rows["quality"].astype(np.uint8),
    )  # fmt: skip
