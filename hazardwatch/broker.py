"""The embedded broker's life with the platform: its users out of the bucket of credentials, its store after a fault."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from pathlib import Path

import msgspec
import structlog

from hazardwatch import disk
from hazardwatch.children import Child
from hazardwatch.servers.nats import NatsServer
from line.log import Line, LineError, Unavailable
from registry.credentials import BUCKET, hashes

log = structlog.get_logger()

ROLES, INGEST = "roles", "ingest"
PAUSE_S = 1.0  # before the line is asked again
NATS_LOG = "log/nats.log"
# A stream whose write has failed keeps failing when there is room again, until the server is started anew.
CLOSES_STREAMS = re.compile(rb"no space left on device|disk quota exceeded|input/output error")
SILENT_S = 5  # a server that runs and answers nothing about its streams for so long has given up its store
ROOM_BYTES = 16 << 20  # less is free: starting it again would not help


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


async def mind(line: Line, broker: Child, data_dir: Path) -> None:
    """Starts the server anew after a full disk, as soon as there is room; runs until cancelled."""
    words = _Words(data_dir / NATS_LOG)
    silent_s, closed = 0, False
    while True:
        await asyncio.sleep(1)
        closed = closed or CLOSES_STREAMS.search(words.new()) is not None
        try:
            await line.usage()
            silent_s = 0
        except Unavailable:
            silent_s += line.connected  # a server that is away is its child's business
        if (closed or silent_s >= SILENT_S) and disk.free_bytes(data_dir) >= ROOM_BYTES:
            await broker.restart("its store takes nothing any more" if silent_s else "a write of its store has failed")
            silent_s, closed = 0, False
            words.new()


class _Words:
    """What a server has said in its log since we looked last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new(self) -> bytes:
        if not self._path.exists():
            return b""
        with self._path.open("rb") as file:
            if self._path.stat().st_size < self._offset:  # it was put aside
                self._offset = 0
            file.seek(self._offset)
            said = file.read()
            self._offset = file.tell()
        return said
