"""The role `historian`: INPUT to the database, and beside it the journal, ALARM to the database."""

from __future__ import annotations

import asyncio

from alerting.journal import run as keep_events
from hazardwatch.faults import Fault
from hazardwatch.roles.process import run
from hazardwatch.running import Running
from hazardwatch.settings import Settings
from ingest.historian import run as keep_readings
from ingest.keeping import Kept
from line.log import Line


def main(settings: Settings) -> None:
    async def work(line: Line, running: Running, stop: asyncio.Event) -> None:
        if not running.database_url:
            raise Fault("database_url: is not set, and no platform runs here that has a database of its own")
        kept = Kept(settings.keep_readings_days, settings.keep_minutes_days)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_readings(line, running.database_url, stop=stop, kept=kept), name="readings")
            tasks.create_task(keep_events(line, running.database_url, stop=stop), name="journal")

    run("historian", settings, work)
