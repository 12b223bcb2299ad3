"""The settings as flags of every command that works with them, and a running platform as what commands talk to."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from hazardwatch import logs
from hazardwatch.faults import Fault
from hazardwatch.running import Running, find
from hazardwatch.settings import Settings, default_data_dir, load
from line.clock import SteadyClock
from line.log import Line, LineError

T = TypeVar("T")

HELP = {
    "data_dir": "Everything that is kept.",
    "http_host": "Where the screen listens.",
    "http_port": "The screen's port.",
    "mqtt_host": "Where the embedded broker listens.",
    "mqtt_port": "The embedded broker's port.",
    "mqtt_url": "Your own broker: mqtt://user:password@host:port.",
    "nats_url": "Your own NATS server with JetStream: nats://user:password@host:port.",
    "database_url": "Your own PostgreSQL or TimescaleDB: postgresql://user:password@host:port/database.",
    "pg_bin": "The folder of PostgreSQL's programs for the embedded database.",
    "public_url": "What the links in notices begin with.",
    "tls_cert": "A certificate for the screen and the embedded broker.",
    "tls_key": "Its key.",
    "log_level": "debug, info, warning or error.",
    "log_format": "text or json.",
    "unsafe": "Start although settings break the promise that what is confirmed is kept.",
    "keep_readings_days": "For how many days every reading is kept: 30 at least.",
    "keep_minutes_days": "For how many days minutes are kept; hours are kept for ever.",
}
TYPES: dict[str, Any] = {"http_port": int, "mqtt_port": int, "data_dir": Path, "pg_bin": Path, "unsafe": bool}
TYPES |= {"tls_cert": Path, "tls_key": Path, "keep_readings_days": int, "keep_minutes_days": int}


def with_settings(command: Callable[..., None], subfolder: str = "") -> Callable[..., None]:
    """Gives a command whose first parameter is `settings` a flag for each of them.

    Where nothing names a data folder, it is `subfolder` of the usual one.
    """

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        config = given.pop("config")
        flags = {name: given.pop(name) for name in HELP}
        settings = load(flags, config, data_dir=default_data_dir() / subfolder)
        logs.set_up(role="command", level=settings.log_level, form=settings.log_format)
        command(settings, **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    flags = [_flag(name, TYPES.get(name, str), text) for name, text in HELP.items()]
    flags.append(_flag("config", Path, "The configuration file; else hazardwatch.toml in the data folder."))
    parameters = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *flags]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    del wrapped.__wrapped__  # Typer would look through it
    return wrapped


def _flag(name: str, kind: Any, text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", help=text, rich_help_panel="Settings", show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


class Talk:
    """A command's connection to the platform: its line, its clock, and how it said it can be reached."""

    def __init__(self, line: Line, running: Running, clock: SteadyClock) -> None:
        self.line, self.running, self.now_ms = line, running, clock.now_ms


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[Talk]:
    """Fault where no platform answers."""
    running = find(settings)
    try:
        line = await Line.connect(running.nats_url, name="command")
    except LineError as error:
        where = f"nats_url: {error}" if settings.nats_url else f"data_dir: the platform on {settings.data_dir} does not"
        raise Fault(where if settings.nats_url else f"{where} answer; start it again") from error
    try:
        yield Talk(line, running, await SteadyClock.open(line))
    finally:
        await line.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def time_of(name: str, text: str) -> datetime:
    """A time that was given; Fault where it is none."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Fault(f"{name}: {text!r} is no time; write 2026-01-01T08:00:00+08:00 or Unix milliseconds") from error
    if found.tzinfo is None:
        raise Fault(f"{name}: {text!r} has no offset; write 2026-01-01T08:00:00+08:00 or end it with Z")
    return found
