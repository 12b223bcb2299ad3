"""Stored readings to the CSV that `hazardwatch replay readings` takes: ts,enterprise,tag,value,quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from registry.database import Database, queries

HEADER = b"ts,enterprise,tag,value,quality\n"
DAY = timedelta(days=1)
# Readings in a slice: below FEW the next one is longer, above MANY shorter, so that the database sorts some 40 MB at a
# time and the slices follow each other about every second.
FEW, MANY = 100_000, 400_000
FIRST, SHORTEST = timedelta(minutes=1), timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything before `until` has been handed over; `readings` counts those of this slice."""

    until: datetime
    readings: int


async def export_readings(
    database: Database,
    write: Callable[[bytes], object],
    *,
    begin: datetime,
    end: datetime,
    enterprise: str | None,
    done: Callable[[Exported], object] = lambda _: None,
    since: datetime | None = None,
) -> None:
    """Writes the readings of an enterprise (None: of all) from `begin` until before `end`, sorted by time.

    Slice by slice, and `done` after each, so that neither the database nor we hold much, however long the span: what is
    written does not depend on the slices. `since` continues after what was done before. Times are Unix milliseconds.
    """
    sql = queries("ingest", "history.sql")["export"]
    if since is None:
        write(HEADER)
    at, span = since or begin, FIRST
    async with database.connection() as connection:
        while at < end:
            until, count = min(at + span, midnight_after(at), end), 0
            asked = {"begin": at, "end": until, "enterprise": enterprise}
            async with connection.cursor() as cursor, cursor.copy(sql, asked) as copy:
                async for block in copy:
                    write(bytes(block))
                    count += bytes(block).count(b"\n")
            at = until
            done(Exported(at, count))
            if count > MANY:
                span = max(span / 2, SHORTEST)
            elif count < FEW:
                span = min(span * 2, DAY)


def midnight_after(moment: datetime) -> datetime:
    return (moment.astimezone(UTC) + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
