"""The addresses and URLs of the settings, tried before anything is started: a taken or silent one is named."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from hazardwatch.faults import Fault
from hazardwatch.logs import quiet
from hazardwatch.servers.nats import accepts
from hazardwatch.settings import Settings
from line.log import Line, LineError
from registry.database import Database, DatabaseError, unsafe_settings

log = structlog.get_logger()

PATIENCE_S = 5.0
PORT_PATIENCE_S = 2.0  # a platform that was killed a moment ago may still be letting go
ANSWERED = "run/answered"  # which URLs have answered once: hashes, for the URLs hold passwords


def kept_port(host: str = "127.0.0.1") -> socket.socket:
    """A free port for a server of ours; it does not listen, so that the server may.

    While it is open the system gives the port to nobody else, also while the server is not up yet or is down.
    """
    return _bound(host, 0)


def bound_for_http(settings: Settings) -> socket.socket:
    """The screen's address: bound by `up` for as long as it runs, so that it stays ours while the api restarts."""
    host = settings.http_host
    try:
        return _bound(host, settings.http_port)
    except OSError as error:
        raise Fault(f"http_port: {host}:{settings.http_port} cannot be had: {_why(error)}") from error


async def mqtt_port(settings: Settings) -> socket.socket:
    """The port for the embedded broker's listener, kept as `kept_port` does."""
    if settings.mqtt_port == 0:
        return kept_port(settings.mqtt_host)
    end = asyncio.get_running_loop().time() + PORT_PATIENCE_S
    while True:
        try:
            return _bound(settings.mqtt_host, settings.mqtt_port)
        except OSError as error:
            if asyncio.get_running_loop().time() > end:
                where = f"{settings.mqtt_host}:{settings.mqtt_port}"
                raise Fault(f"mqtt_port: {where} cannot be had: {_why(error)}") from error
            await asyncio.sleep(0.1)


async def try_urls(settings: Settings) -> None:
    """Fault for a URL that does not answer.

    A broker or a database that has answered once may be away at a later start: alarms do not wait for the database.
    """
    if settings.nats_url is not None:
        with quiet():
            await _nats(settings.nats_url)
    if settings.mqtt_url is not None:
        await _once(settings, "mqtt_url", settings.mqtt_url, _mqtt)
    if settings.database_url is not None:
        await _once(settings, "database_url", settings.database_url, _database(settings.unsafe))


async def _once(settings: Settings, name: str, url: str, attempt: Callable[[str], Awaitable[None]]) -> None:
    seen = settings.data_dir / ANSWERED
    mark = mark_of(name, url)
    known = _read(seen)
    try:
        with quiet():
            await attempt(url)
    except Fault as fault:
        if mark not in known:
            raise
        log.warning("does not answer; starting without it", fault=str(fault))
        return
    if mark not in known:
        seen.write_text("\n".join([*known, mark]))


def mark_of(name: str, url: str) -> str:
    return hashlib.sha256(f"{name} {url}".encode()).hexdigest()


def _read(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


async def listening(url: str, port: int) -> None:
    """OSError where nobody listens at the place of a URL (or its usual port)."""
    parts = urlsplit(url)
    _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, parts.port or port), PATIENCE_S)
    writer.close()


async def _nats(url: str) -> None:
    try:
        await listening(url, 4222)
        line = await Line.connect(url, name="first look")
    except (LineError, OSError) as error:
        raise Fault(f"nats_url: {_place(url)} does not answer: {_why(error)}") from error
    await line.close()


async def _mqtt(url: str) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    try:
        await listening(url, port)
    except OSError as error:
        raise Fault(f"mqtt_url: {_place(url)} does not answer: {_why(error)}") from error
    if parts.scheme == "mqtt" and not await accepts(
        host, port, unquote(parts.username or ""), unquote(parts.password or "")
    ):
        raise Fault(f"mqtt_url: {_place(url)} does not let the user {parts.username or '(none)'} in")


def _database(unsafe: bool) -> Callable[[str], Awaitable[None]]:
    async def attempt(url: str) -> None:
        if "," not in urlsplit(url).netloc:  # of several places one may be silent
            try:
                await listening(url, 5432)
            except OSError as error:
                raise Fault(f"database_url: {_place(url)} does not answer: {_why(error)}") from error
        try:
            database = await Database.open(url, name="first look", connections=1)
        except DatabaseError as error:
            raise Fault(f"database_url: {error}") from error
        try:
            breaks = await unsafe_settings(database)
        except DatabaseError as error:
            raise Fault(f"database_url: {_place(url)} does not answer: {database.fault or error}") from error
        finally:
            await database.close()
        if breaks and not unsafe:
            raise Fault(
                f"database_url: {_place(url)} runs with {', '.join(breaks)}, and would lose what it confirmed in a "
                "power cut; change that, or say --unsafe"
            )

    return attempt


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
    except OSError:
        bound.close()
        raise
    return bound


def _place(url: str) -> str:
    """Host and port of a URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _why(error: Exception) -> str:
    """An operating system's error without its number and address."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error) or "no answer in time"
