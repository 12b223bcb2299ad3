"""The role `notifier`: alarms to people."""

from __future__ import annotations

import asyncio

from alerting.notifier.service import run as tell_people
from hazardwatch.roles.process import run
from hazardwatch.running import Running
from hazardwatch.settings import Settings
from line.log import Line


def main(settings: Settings) -> None:
    async def work(line: Line, running: Running, stop: asyncio.Event) -> None:
        await tell_people(line, public_url=settings.public_url or running.http_address or None, stop=stop)

    run("notifier", settings, work)
