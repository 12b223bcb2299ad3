"""Readings, rejects and statuses into the database, each once however often it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import nan

import psycopg

from ingest.copyformat import binary
from ingest.rows import Rows, Stored, first_of_each
from ingest.touches import touches
from line.messages import GatewayStatus, Reject
from registry.database import Connection, Database, queries

SQL = "store.sql"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Overtaken(Exception):  # noqa: N818  what happened
    """Another historian has moved the position; what it wrote must be read again."""


class Store:
    """Writes into the caller's transactions; the key (point, t) makes a reading that comes twice change nothing."""

    def __init__(self) -> None:
        self._sql = queries("ingest", SQL)
        self._days: set[int] = set()

    async def is_timescale(self, database: Database) -> bool:
        async with database.connection() as connection:
            row = await (await connection.execute(self._sql["is_timescale"])).fetchone()
        return bool(row and row[0])

    async def position(self, database: Database, role: str) -> tuple[str, int] | None:
        """The epoch and sequence up to which a role has committed; None on a database that it never wrote to."""
        async with database.connection() as connection:
            row = await (await connection.execute(self._sql["position"], {"role": role})).fetchone()
        return (str(row[0]), int(row[1])) if row else None

    async def begin_position(self, database: Database, role: str, epoch: str, seq: int) -> None:
        async with database.connection() as connection:
            await connection.execute(self._sql["begin_position"], {"role": role, "epoch": epoch, "seq": seq})

    async def move_position(self, connection: Connection, role: str, epoch: str, *, expected: int, seq: int) -> None:
        """Overtaken where the position is not `expected` any more; the caller's transaction must then not commit."""
        moved = await connection.execute(
            self._sql["move_position"], {"role": role, "epoch": epoch, "expected": expected, "seq": seq}
        )
        if moved.rowcount != 1:
            raise Overtaken(f"{role} is not at {expected} any more")

    async def ensure_days(self, database: Database, rows: Rows) -> None:
        """Places for these rows, made before the transaction that writes them: making one locks the table."""
        for day in rows.days():
            if day not in self._days:
                async with database.transaction() as connection:
                    await connection.execute(self._sql["ensure_day"], {"day": day})
                self._days.add(day)

    def forget_days(self) -> None:
        """What was ensured on a database that went away may not be there on the one that comes back."""
        self._days.clear()

    async def add_readings(self, connection: Connection, every: Rows) -> tuple[int, Rows]:
        """Adds the first reading of each tag and time; returns how many are stored by it, and those whose tag has
        another value at that time, in the order in which they came."""
        rows, others = first_of_each(every)
        if not len(rows):
            return 0, others
        await self._touch(connection, rows)
        data = binary(rows)
        try:
            async with connection.transaction(), connection.cursor() as cursor:
                async with cursor.copy(self._sql["copy"]) as copy:
                    await copy.write(data)
                return len(rows), others
        except psycopg.errors.UniqueViolation:
            stored, there = await self._add_staged(connection, data)
            refused = rows.with_keys(there).but_equal(there)
            return stored, Rows.joined([refused, others.but_equal(there)])

    async def _touch(self, connection: Connection, rows: Rows) -> None:
        """Says which rollups do not know these readings yet."""
        said = touches(rows)
        hours, points = [hour for hour, _ in said], [point for _, point in said]
        await connection.execute(self._sql["touch"], {"hours": hours, "points": points})

    async def _add_staged(self, connection: Connection, data: bytes) -> tuple[int, Stored]:
        """How many were added, and what is stored for those that say something else."""
        await connection.execute(self._sql["stage"])
        async with connection.cursor() as cursor:
            async with cursor.copy(self._sql["copy_staged"]) as copy:
                await copy.write(data)
            added = await cursor.execute(self._sql["add_staged"])
            count = added.rowcount
            await cursor.execute(self._sql["conflicts"])
            there = {
                (int(point), int(t_ms)): (nan if value is None else float(value), int(quality))
                for point, t_ms, value, quality in await cursor.fetchall()
            }
        return count, there

    async def add_rejects(self, connection: Connection, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        async with connection.cursor() as cursor:
            await cursor.executemany(self._sql["add_reject"], [_reject_row(one) for one in rejects])

    async def add_statuses(self, connection: Connection, statuses: Sequence[GatewayStatus]) -> None:
        if not statuses:
            return
        rows = [
            {
                "gateway": one.gateway,
                "at": moment(one.at_ms),
                "online": one.online,
                "ts": None if one.ts_ms is None else moment(one.ts_ms),
            }
            for one in statuses
        ]
        async with connection.cursor() as cursor:
            await cursor.executemany(self._sql["add_status"], rows)


def moment(ms: int) -> datetime:
    """Unix milliseconds as an aware time, without a detour through floating point."""
    return EPOCH + timedelta(milliseconds=ms)


def reject_id(one: Reject) -> str:
    """What makes the same reject that comes twice one row."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (one.topic, str(one.at_ms), one.reason, one.tag, one.detail, one.sha256):
        digest.update(text.encode())
        digest.update(b"\0")
    digest.update(one.payload)
    return digest.hexdigest()


def _reject_row(one: Reject) -> dict[str, object]:
    return {
        "id": reject_id(one),
        "at": moment(one.at_ms),
        "reason": one.reason,
        "detail": one.detail,
        "topic": one.topic,
        "enterprise": one.enterprise,
        "gateway": one.gateway,
        "tag": one.tag,
        "payload": one.payload,
        "size": one.size,
        "sha256": one.sha256,
        "instant": None if one.instant_ms is None else moment(one.instant_ms),
        "shift_ms": one.shift_ms,
    }
