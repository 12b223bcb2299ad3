"""Settings to a running platform: servers and roles as children on one data folder, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from hazardwatch import disk, doors, watch
from hazardwatch.broker import NATS_LOG, admit, mind
from hazardwatch.children import Child, python
from hazardwatch.faults import Fault
from hazardwatch.running import Running, announce, held, server_secrets, withdraw
from hazardwatch.servers.nats import INGEST, NatsServer
from hazardwatch.servers.postgres import Postgres
from hazardwatch.settings import PREFIX, Settings
from line.clock import SteadyClock
from line.log import Line, LineError, LineFull
from line.streams import Limits

log = structlog.get_logger()

ROLES = ("ingest", "engine", "historian", "notifier", "api")
SLOW_SYNC_MS = 1.0
STORE_PATIENCE_S = 600.0  # a store of many gigabytes is read through before the server answers
LEAST_INPUT_BYTES = 32 << 20
DEATHS = 3  # of a server before its first answer: then the fault is in the settings or the folder
IN_THE_FILE = ("nats_url", "mqtt_url", "database_url")  # they hold passwords: roles read them from platform.json
FOR_ROLES = tuple(name for name in Settings.model_fields if name not in (*IN_THE_FILE, "pg_bin"))


@dataclass
class Platform:
    """What runs on a data folder; `guests` is what a demo adds."""

    settings: Settings
    running: Running
    nats: tuple[NatsServer, Child] | None
    postgres: Child | None
    roles: dict[str, Child]
    tasks: asyncio.TaskGroup
    guests: list[Child] = field(default_factory=list)
    is_running: asyncio.Event = field(default_factory=asyncio.Event)  # every role has said that it works

    def keep(self, child: Child) -> None:
        self.tasks.create_task(child.keep(), name=child.name)

    def invite(self, guest: Child) -> None:
        self.guests.append(guest)
        self.keep(guest)

    async def stop(self) -> None:
        """First those who bring readings, then those who keep them, then the servers; within ten seconds."""
        withdraw(self.settings.data_dir)
        servers = [self.nats[1] if self.nats else None, self.postgres]
        rest = [child for name, child in self.roles.items() if name != INGEST]
        for together in ([*self.guests, self.roles[INGEST]], rest, [child for child in servers if child]):
            await asyncio.gather(*(child.stop() for child in together))


Guest = Callable[[Platform, Line], Coroutine[None, None, None]]


async def up(settings: Settings, guest: Guest | None = None) -> None:
    """Runs the platform until SIGINT, SIGTERM or SIGHUP; Fault where it cannot start as it is set.

    `guest` is called once the line is there and the roles are starting.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with ExitStack() as stack:
        stack.enter_context(held(settings.data_dir))
        sync_ms = disk.synced_write_ms(settings.data_dir)
        if sync_ms > SLOW_SYNC_MS:
            log.warning("a synced write is slow, and bounds how many messages are confirmed", ms=round(sync_ms, 2))
        await doors.try_urls(settings)
        listener = stack.enter_context(doors.bound_for_http(settings))
        try:
            async with asyncio.TaskGroup() as tasks:
                platform = await _made(settings, listener, tasks, stack)
                await _until_stopped(platform, guest, stopping, sync_ms)
        except* Fault as faults:
            raise faults.exceptions[0] from None


async def _until_stopped(platform: Platform, guest: Guest | None, stopping: asyncio.Event, sync_ms: float) -> None:
    living = platform.tasks.create_task(_live(platform, guest, sync_ms), name="platform")
    try:
        await stopping.wait()
        log.info("stopping")
    finally:
        living.cancel()
        await platform.stop()
        await _ended(asyncio.all_tasks() - {asyncio.current_task()})


async def _ended(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancels until it is heard: wait_for of Python 3.11 loses a cancellation that comes together with its answer."""
    while tasks := [task for task in tasks if not task.done()]:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)


async def _made(settings: Settings, listener: socket.socket, tasks: asyncio.TaskGroup, stack: ExitStack) -> Platform:
    """The children and how to reach them; nothing is started yet. Their ports are ours until the stack is left."""
    secrets = server_secrets(settings.data_dir)
    data_dir = settings.data_dir
    nats: NatsServer | None = None
    postgres: Postgres | None = None
    mqtt_address = ""
    if settings.mqtt_url is None:
        mqtt_port = stack.enter_context(await doors.mqtt_port(settings)).getsockname()[1]
        mqtt_address = f"{_bracketed(settings.mqtt_host)}:{mqtt_port}"
    if settings.nats_url is None or settings.mqtt_url is None:
        nats = NatsServer(
            data_dir / "nats",
            log=data_dir / NATS_LOG,
            port=stack.enter_context(doors.kept_port()).getsockname()[1],
            password=secrets.platform,
            ingest_password=secrets.ingest,
            ingest_client_id=secrets.ingest_client_id,
            mqtt=mqtt_address or None,
            tls=(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None,
        )
        nats.write(nats.known())
    if settings.database_url is None:
        postgres = Postgres(
            data_dir / "postgres",
            pg_bin=settings.pg_bin,
            log=data_dir / "log" / "postgres.log",
            port=stack.enter_context(doors.kept_port()).getsockname()[1],
            password=secrets.database,
        )
    scheme = "mqtts" if settings.tls else "mqtt"
    port = listener.getsockname()[1]
    running = Running(
        pid=os.getpid(),
        nats_url=settings.nats_url or (nats.url if nats else ""),
        database_url=settings.database_url or (postgres.url if postgres else ""),
        mqtt_url=settings.mqtt_url or f"{scheme}://{INGEST}:{secrets.ingest}@{mqtt_address}",
        mqtt_client_id=secrets.ingest_client_id,
        mqtt_address=mqtt_address,
        http_address=f"{'https' if settings.tls else 'http'}://{_bracketed(settings.http_host)}:{port}",
        embedded=tuple(
            name
            for name, url in (
                ("nats", settings.nats_url),
                ("mqtt", settings.mqtt_url),
                ("database", settings.database_url),
            )
            if url is None
        ),
    )
    environment = _environment(settings)
    return Platform(
        settings,
        running,
        (nats, Child("nats-server", nats.start, nats.stop)) if nats else None,
        Child("postgres", postgres.start, postgres.stop) if postgres else None,
        {role: _role(role, environment, listener) for role in ROLES},
        tasks,
    )


def _role(role: str, environment: Mapping[str, str], listener: socket.socket) -> Child:
    if role == "api":
        return python(role, ["hazardwatch", role, "--fd", str(listener.fileno())], environment, [listener.fileno()])
    return python(role, ["hazardwatch", role], environment)


def _environment(settings: Settings) -> dict[str, str]:
    """Our settings as the roles read them; no secret is among them."""
    ours = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    for name in FOR_ROLES:
        if (value := getattr(settings, name)) is not None:
            kept[f"{PREFIX}{name}".upper()] = str(value)
    return kept


async def _live(platform: Platform, guest: Guest | None, sync_ms: float) -> None:
    """The line first, then all who work on it; the database comes when it comes."""
    if platform.nats:
        platform.keep(platform.nats[1])
    if platform.postgres:
        platform.keep(platform.postgres)
    line, clock = await _line(platform)
    try:
        announce(platform.settings.data_dir, platform.running)
        for child in platform.roles.values():
            platform.keep(child)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(clock.follow(line), name="clock")
            tasks.create_task(_say_when_running(platform, line, clock.now_ms()), name="greeting")
            tasks.create_task(watch.report(line, clock, platform.settings.data_dir, sync_ms), name="watch")
            if platform.nats:
                server, child = platform.nats
                tasks.create_task(mind(line, child, platform.settings.data_dir), name="store")
                if "mqtt" in platform.running.embedded:
                    tasks.create_task(admit(line, server, child), name="credentials")
            if guest is not None:
                tasks.create_task(guest(platform, line), name="guest")
    finally:
        await line.close()


async def _line(platform: Platform) -> tuple[Line, SteadyClock]:
    """A connection with streams and buckets there; Fault where the embedded server cannot start at all."""
    end = asyncio.get_running_loop().time() + STORE_PATIENCE_S
    said = ""
    while True:
        try:
            await doors.listening(platform.running.nats_url, 4222)
            return await _with_streams(platform)
        except LineFull as error:
            raise Fault(f"nats_url: the server has no room for the streams: {error}") from error
        except (LineError, OSError) as error:
            if platform.nats and platform.nats[1].deaths >= DEATHS:
                words = _last_words(platform.settings.data_dir / NATS_LOG)
                raise Fault(f"data_dir: the broker does not start on {platform.settings.data_dir}: {words}") from error
            if asyncio.get_running_loop().time() > end:
                raise Fault(f"nats_url: the line cannot be used: {error}") from error
            if isinstance(error, LineError) and str(error) != said:
                said = str(error)
                log.info("waiting for the line", error=said)
            await asyncio.sleep(0.05)


async def _with_streams(platform: Platform) -> tuple[Line, SteadyClock]:
    """The limits of the streams are halved until a server of somebody's own has room for them."""
    line = await Line.connect(platform.running.nats_url, name="platform", timeout=1.0)
    limits = disk.limits(platform.settings.data_dir)
    try:
        while True:
            try:
                await line.ensure(limits)
            except LineFull:
                if limits.input_bytes < LEAST_INPUT_BYTES:
                    raise
                limits = Limits(limits.input_bytes // 2, limits.alarm_bytes // 2)
            else:
                log.debug("streams are there", input_bytes=limits.input_bytes, alarm_bytes=limits.alarm_bytes)
                return line, await SteadyClock.open(line)
    except BaseException:
        await line.close()
        raise


def _last_words(path: Path) -> str:
    """The last line in which the broker complains."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    bad = [line for line in lines if "[FTL]" in line or "[ERR]" in line or "nats-server:" in line]
    return (bad or lines or ["it says nothing"])[-1].split("] ")[-1]


class _Status(msgspec.Struct, frozen=True):
    at_ms: int = 0


async def _say_when_running(platform: Platform, line: Line, since_ms: int) -> None:
    missing = set(ROLES)
    async with aclosing(line.watch("roles")) as statuses:
        async for role, value in statuses:
            if value is not None and msgspec.json.decode(value, type=_Status).at_ms >= since_ms:
                missing.discard(role)
            if not missing:
                break
    platform.is_running.set()
    log.info("running", screen=platform.running.http_address, mqtt=platform.running.mqtt_address or "your broker")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
