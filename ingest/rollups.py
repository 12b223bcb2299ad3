"""Readings to minutes and hours: what was touched is rolled up again, hour by hour, in small transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from registry.database import Connection, queries

QUIET_S = 20.0  # an hour in which readings still arrive is left alone for so long


@dataclass(frozen=True, slots=True)
class Due:
    """An hour to roll up, of some tags or of all, and the entries that asked for it."""

    hour: datetime
    seen: list[int]
    points: list[int] | None
    forgotten: bool  # whether its readings were forgotten already


@dataclass(frozen=True, slots=True)
class Lag:
    """Hours that wait to be rolled up, and how long the oldest entry has waited."""

    hours: int
    seconds: float


class Rollups:
    """Works on a connection of its own that commits each statement by itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = queries("ingest", "rollups.sql")

    async def aggregates(self) -> bool:
        """Whether continuous aggregates keep the rollups: then the server's own jobs do all this."""
        return bool(await self._value("kind"))

    async def alone(self) -> bool:
        """Whether nobody else rolls up; holds until the connection ends."""
        return bool(await self._value("lock"))

    async def keep(self, readings_days: int, minutes_days: int) -> None:
        await self._connection.execute(
            self._sql["keep"], {"readings_days": readings_days, "minutes_days": minutes_days}
        )

    async def make_up(self) -> bool:
        """True where an older release wrote after us: every hour must then be rolled up anew."""
        async with self._connection.transaction():
            if not await self._value("untold"):
                return False
            await self._connection.execute(self._sql["told"])
            await self._connection.execute(self._sql["touch_everything"])
        return True

    async def index(self) -> int:
        """Gives days that an older release made an index by time, without a lock on them; returns how many."""
        if await self.aggregates():
            if await self._value("indexed"):
                return 0
            await self._connection.execute(self._sql["drop_index"])
            await self._connection.execute(self._sql["index_chunks"])
            return 1
        found = [row[0] for row in await (await self._connection.execute(self._sql["without_index"])).fetchall()]
        for partition in found:
            name = sql.Identifier("hazardwatch", f"{partition}_t")
            # One that was begun and not finished is in the way.
            await self._connection.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(name))
            await self._connection.execute(
                sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} USING brin (t) WITH (autosummarize = on)").format(
                    sql.Identifier(f"{partition}_t"), sql.Identifier("hazardwatch", partition)
                )
            )
        return len(found)

    async def settle(self) -> None:
        await self._connection.execute(self._sql["settle"])

    async def next(self, quiet_s: float = QUIET_S) -> Due | None:
        async with self._connection.cursor(row_factory=class_row(Due)) as cursor:
            await cursor.execute(self._sql["due"], {"quiet_s": quiet_s})
            return await cursor.fetchone()

    async def roll(self, due: Due) -> None:
        """One transaction; entries that came after `due` was read stay for the next time."""
        said = {"hour": due.hour, "points": due.points}
        which = "roll_forgotten" if due.forgotten else "roll" if due.points is None else "roll_points"
        await self._connection.execute(self._sql["ensure"], said)
        async with self._connection.transaction():
            await self._connection.execute(self._sql[which], said)
            await self._connection.execute(self._sql["rolled"], {"seen": due.seen})

    async def forget(self) -> tuple[int, int]:
        """What is older than it is kept; returns how many days of readings and months of minutes went."""
        return int(await self._value("forget_readings")), int(await self._value("forget_minutes"))

    async def lag(self) -> Lag:
        row = await (await self._connection.execute(self._sql["lag"])).fetchone()
        return Lag(int(row[0]), float(row[1])) if row else Lag(0, 0.0)

    async def call(self) -> None:
        """What the server's jobs would do, where it has no worker left for them."""
        await self._connection.execute("CALL hazardwatch.roll_up()")
        await self._connection.execute("CALL hazardwatch.keep()")

    async def _value(self, name: str) -> Any:
        row = await (await self._connection.execute(self._sql[name])).fetchone()
        return row[0] if row else None
