"""Stored readings to the CSV that `hazardwatch replay readings` takes: ts,enterprise,tag,value,quality."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from registry.database import Database, queries

HEADER = b"ts,enterprise,tag,value,quality\n"
DAY = timedelta(days=1)


async def export_readings(
    database: Database, write: Callable[[bytes], object], *, begin: datetime, end: datetime, enterprise: str | None
) -> None:
    """Writes the readings of an enterprise (None: of all) from `begin` until before `end`, sorted by time.

    Day by day, so that neither the database sorts nor we hold more than a day. Times are Unix milliseconds.
    """
    sql = queries("ingest", "history.sql")["export"]
    write(HEADER)
    async with database.connection() as connection:
        until = begin
        while until < end:
            since, until = until, min(midnight_after(until), end)
            span = {"begin": since, "end": until, "enterprise": enterprise}
            async with connection.cursor() as cursor, cursor.copy(sql, span) as copy:
                async for block in copy:
                    write(bytes(block))


def midnight_after(moment: datetime) -> datetime:
    return (moment.astimezone(UTC) + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
