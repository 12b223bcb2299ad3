"""What was touched to rollups, and what is too old to nothing, for as long as the historian runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from ingest.rollups import Lag, Rollups
from registry.database import DatabaseError, session

log = structlog.get_logger()

EVERY_S = 5.0
FORGET_S = 600.0
PATIENCE_S = 600.0  # the server's own jobs are waited for so long


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days what is kept; hours, alarms and audit are for ever."""

    readings_days: int = 90
    minutes_days: int = 1096


class Keeping:
    """Beside the historian's writing, on a connection of its own; what it has not done, the next one does."""

    def __init__(self, url: str, kept: Kept) -> None:
        self._url, self._kept = url, kept
        self.lag: Lag | None = None  # None until it is known
        self._said: str | None = None

    async def run(self) -> None:
        """Until cancelled; a database that is away, or not upgraded yet, is tried again."""
        while True:
            try:
                async with session(self._url) as connection:
                    rollups = Rollups(connection)
                    await self._work(rollups)
            except DatabaseError as error:
                if str(error) != self._said:
                    log.info("rollups wait", error=str(error))
                    self._said = str(error)
                self.lag = None
                await asyncio.sleep(EVERY_S)

    async def _work(self, rollups: Rollups) -> None:
        await rollups.keep(self._kept.readings_days, self._kept.minutes_days)
        self._said = None
        if indexed := await rollups.index():
            log.info("readings were given an index by time", tables=indexed)
        if await rollups.aggregates():
            await self._watch(rollups)
        while not await rollups.alone():
            self.lag = await rollups.lag()
            await asyncio.sleep(EVERY_S)
        await self._roll(rollups)

    async def _watch(self, rollups: Rollups) -> None:
        """The server's jobs do it; where they do not come, we do."""
        while True:
            await self._make_up(rollups)
            self.lag = await rollups.lag()
            if self.lag.seconds > PATIENCE_S:
                await rollups.call()
            await asyncio.sleep(EVERY_S)

    async def _roll(self, rollups: Rollups) -> None:
        clock = asyncio.get_running_loop().time
        forgotten_at = -FORGET_S
        while True:
            await self._make_up(rollups)
            await rollups.settle()
            while due := await rollups.next():
                await rollups.roll(due)
                self.lag = await rollups.lag()
            self.lag = await rollups.lag()
            if clock() - forgotten_at >= FORGET_S:
                days, months = await rollups.forget()
                if days or months:
                    log.info("forgotten", days_of_readings=days, months_of_minutes=months)
                forgotten_at = clock()
            await asyncio.sleep(EVERY_S)

    async def _make_up(self, rollups: Rollups) -> None:
        if await rollups.make_up():
            log.warning("an older release wrote readings: every hour is rolled up anew")
