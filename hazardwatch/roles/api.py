"""The role `api`: what screens and programs are shown and say."""

from __future__ import annotations

import asyncio
import socket

from dashboard_api.app import run as serve
from hazardwatch import doors
from hazardwatch.roles.process import run
from hazardwatch.running import Running
from hazardwatch.settings import Settings
from line.log import Line


def main(settings: Settings, fd: int | None) -> None:
    """`fd` is the bound socket that `up` keeps for us, so that the address stays taken while we restart."""
    listener = socket.socket(fileno=fd) if fd is not None else doors.bound_for_http(settings)
    tls = (str(settings.tls_cert), str(settings.tls_key)) if settings.tls else None

    async def work(line: Line, running: Running, stop: asyncio.Event) -> None:
        await serve(line, running.database_url or None, listener, tls=tls, stop=stop)

    run("api", settings, work)
