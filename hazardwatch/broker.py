"""The bucket of gateways' credentials to the users of the embedded broker, once ingest listens."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
import structlog

from hazardwatch.children import Child
from hazardwatch.servers.nats import NatsServer
from line.log import Line, LineError
from registry.credentials import BUCKET, hashes

log = structlog.get_logger()

ROLES, INGEST = "roles", "ingest"
PAUSE_S = 1.0  # before the line is asked again


class _IngestStatus(msgspec.Struct, frozen=True):
    """What of ingest's status matters here: it has its persistent session, so nothing confirmed can be lost."""

    session: bool = False


async def admit(line: Line, server: NatsServer, child: Child) -> None:
    """Keeps the broker's users as the bucket has them; runs until cancelled."""
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch_credentials(line, changed), name="credentials")
        if not server.is_open:
            tasks.create_task(_open(line, server, changed), name="opening")
        while True:
            await changed.wait()
            changed.clear()
            try:
                users = await hashes(line)
            except LineError as error:
                log.warning("the credentials cannot be read", error=str(error))
                changed.set()
                await asyncio.sleep(PAUSE_S)
                continue
            if server.write(users) and child.process is not None:
                server.reload(child.process)
                log.info("the broker knows its gateways", gateways=len(users), open=server.is_open)


async def _watch_credentials(line: Line, changed: asyncio.Event) -> None:
    async with aclosing(line.watch(BUCKET)) as entries:
        async for _ in entries:
            changed.set()


async def _open(line: Line, server: NatsServer, changed: asyncio.Event) -> None:
    """Lets gateways in when ingest says that it has its session, for the first time on this data folder."""
    async with aclosing(line.watch(ROLES)) as statuses:
        async for role, value in statuses:
            if role == INGEST and value is not None and msgspec.json.decode(value, type=_IngestStatus).session:
                server.open()
                changed.set()
                log.info("ingest has its session: gateways are let in")
                return
