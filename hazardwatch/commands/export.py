"""What is stored to files: readings for a replay or a spreadsheet, and the whole input for an auditor."""

from __future__ import annotations

import base64
import sys
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from alerting.snapshot import NAMES, STORE
from hazardwatch.commands.database import database_url
from hazardwatch.commands.options import Talk, run, talking, time_of, with_settings
from hazardwatch.faults import Fault
from hazardwatch.partfile import PartFile
from hazardwatch.settings import Settings
from ingest.export import Exported, export_readings
from line.log import Line
from registry.database import Database, DatabaseError
from registry.store import head

export = typer.Typer(help="What is stored, as files.", no_args_is_help=True)
EPOCH, US = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
KEEP_S, KEEP_BYTES = 1.0, 1 << 22  # so much is done again after a kill
Out = Annotated[Path, typer.Option("--out", help="The file to write.")]


@export.command("readings")
@with_settings
def export_readings_command(
    settings: Settings,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="RFC 3339, or Unix milliseconds.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="The first time that is left out.")],
    out: Out,
    enterprise: Annotated[str | None, typer.Option("--enterprise", help="Only of this one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a file that was not finished.")] = False,
) -> None:
    """Stored readings as ts,enterprise,tag,value,quality."""
    since, until = time_of("from", begin), time_of("to", end)
    about = {
        "from": since.astimezone(UTC).isoformat(),
        "to": until.astimezone(UTC).isoformat(),
        "enterprise": enterprise,
    }

    async def work(file: PartFile) -> int:
        database = await Database.open(database_url(settings), name="export", connections=1)
        telling = Telling(file, since, until)
        try:
            await export_readings(
                database,
                file.write,
                begin=since,
                end=until,
                enterprise=enterprise,
                done=telling.done,
                since=None if file.place is None else EPOCH + file.place * US,
            )
        finally:
            await database.close()
        return telling.count

    try:
        with PartFile(out, about, resume=resume) as file:
            count = run(work(file))
    except OSError as error:
        raise Fault(f"out: {out} cannot be written: {error.strerror}") from error
    except (DatabaseError, KeyboardInterrupt):
        typer.echo(f"{out} is not finished; the same command with --resume goes on with it", err=True)
        raise
    typer.echo(f"{count} readings")


class Telling:
    """How far an export has come: to the file beside it every second, to whoever waits as often as he can read it."""

    def __init__(self, file: PartFile, begin: datetime, end: datetime) -> None:
        self._file, self._begin, self._end = file, begin, end
        self.count = self._first = file.count
        self._from = begin if file.place is None else EPOCH + file.place * US
        self._begun = self._kept = self._told = time.monotonic()
        self._pause_s = KEEP_S if sys.stderr.isatty() else 10.0

    def done(self, slice_: Exported) -> None:
        self.count += slice_.readings
        now = time.monotonic()
        if now - self._kept >= KEEP_S or self._file.unkept >= KEEP_BYTES:
            self._kept = now
            self._file.keep((slice_.until - EPOCH) // US, self.count)
        if now - self._told >= self._pause_s:
            self._told = now
            typer.echo(self._said(slice_.until, now - self._begun), err=True)

    def _said(self, until: datetime, took_s: float) -> str:
        part = (until - self._begin) / (self._end - self._begin)
        left = took_s * ((self._end - until) / (until - self._from))
        rate = (self.count - self._first) / took_s
        clock = f"{int(left) // 3600}:{int(left) % 3600 // 60:02}:{int(left) % 60:02}"
        return f"{part:6.1%}  to {until:%Y-%m-%d %H:%M:%S}  {self.count:,} readings  {rate:,.0f}/s  {clock} left"


@export.command("input")
@with_settings
def export_input_command(settings: Settings, out: Out) -> None:
    """INPUT as it lies in the line, with the snapshots and registry versions that a replay begins with; JSON lines."""

    async def work(file: BinaryIO) -> int:
        async with talking(settings) as talk:
            await _write_beginning(talk, file)
            return await _write_input(talk.line, file)

    with _written(out) as file:
        count = run(work(file))
    typer.echo(f"{count} messages")


async def _write_beginning(talk: Talk, file: BinaryIO) -> None:
    line = talk.line
    _write(file, {"format": 1, "epoch": await line.epoch(), "exported_at_ms": talk.now_ms()})
    for name in NAMES:
        if (data := await line.get_object(STORE, name)) is not None:
            _write(file, {"snapshot": name, "data": _text(data)})
    for version in range(1, await head(line) + 1):
        if (data := await line.get_object("sites", f"v{version:06}")) is not None:
            _write(file, {"registry": version, "data": _text(data)})


async def _write_input(line: Line, file: BinaryIO) -> int:
    """Everything up to what was last when we began."""
    last, count = await line.last_input(), 0
    first = await line.first_input()
    if last < first:
        return 0
    async with aclosing(line.inputs(first - 1)) as lists:
        async for messages in lists:
            for message in messages:
                row: dict[str, str | int] = {"seq": message.seq, "at_ms": message.at_ms, "kind": message.kind}
                _write(file, {**row, "data": _text(message.payload)})
                count += 1
                if message.seq >= last:
                    return count
    return count


def _write(file: BinaryIO, row: dict[str, str | int]) -> None:
    file.write(msgspec.json.encode(row) + b"\n")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _written(out: Path) -> BinaryIO:
    try:
        return out.open("wb")
    except OSError as error:
        raise Fault(f"out: {out} cannot be written: {error.strerror}") from error
