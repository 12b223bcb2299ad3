"""A role's work to a process: connected to the line until SIGTERM, which lets it finish what is in hand."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from hazardwatch import logs
from hazardwatch.running import Running, find
from hazardwatch.settings import Settings
from line.log import Line, LineError

log = structlog.get_logger()

Work = Callable[[Line, Running, asyncio.Event], Awaitable[None]]
PAUSE_S = 0.2  # between two attempts at a line that is away


def run(role: str, settings: Settings, work: Work) -> None:
    """Ends when `work` returns, which it does some time after its event is set."""
    logs.set_up(role=role, level=settings.log_level, form=settings.log_format)
    running = find(settings)
    uvloop.run(_run(role, running, work))


async def _run(role: str, running: Running, work: Work) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    line = await _connected(role, running.nats_url, stop)
    if line is None:
        return
    try:
        await work(line, running, stop)
    finally:
        await line.close()


async def _connected(role: str, url: str, stop: asyncio.Event) -> Line | None:
    """The line, as soon as it answers; None where the end comes first."""
    said = ""
    while not stop.is_set():
        try:
            return await Line.connect(url, name=role)
        except LineError as error:
            if str(error) != said:
                log.warning("waiting for the line", error=str(error))
            said = str(error)
            await asyncio.sleep(PAUSE_S)
    return None
