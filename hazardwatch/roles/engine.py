"""The role `engine`: INPUT to alarms."""

from __future__ import annotations

import asyncio

from alerting.service import run as evaluate
from hazardwatch.roles.process import run
from hazardwatch.running import Running
from hazardwatch.settings import Settings
from line.log import Line


def main(settings: Settings) -> None:
    async def work(line: Line, _: Running, stop: asyncio.Event) -> None:
        await evaluate(line, stop=stop)

    run("engine", settings, work)
