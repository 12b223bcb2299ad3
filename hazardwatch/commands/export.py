"""What is stored to files: readings for a replay or a spreadsheet, and the whole input for an auditor."""

from __future__ import annotations

import base64
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from alerting.snapshot import NAMES, STORE
from hazardwatch.commands.database import database_url
from hazardwatch.commands.options import Talk, run, talking, time_of, with_settings
from hazardwatch.faults import Fault
from hazardwatch.settings import Settings
from ingest.export import export_readings
from line.log import Line
from registry.database import Database
from registry.store import head

export = typer.Typer(help="What is stored, as files.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", help="The file to write.")]


@export.command("readings")
@with_settings
def export_readings_command(
    settings: Settings,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="RFC 3339, or Unix milliseconds.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="The first time that is left out.")],
    out: Out,
    enterprise: Annotated[str | None, typer.Option("--enterprise", help="Only of this one.")] = None,
) -> None:
    """Stored readings as ts,enterprise,tag,value,quality."""
    since, until = time_of("from", begin), time_of("to", end)

    async def work(file: BinaryIO) -> None:
        database = await Database.open(database_url(settings), name="export", connections=1)
        try:
            await export_readings(database, file.write, begin=since, end=until, enterprise=enterprise)
        finally:
            await database.close()

    with _written(out) as file:
        run(work(file))


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
