"""What could not be used: listed, shown, and put through the same checks once more after its cause is mended."""

from __future__ import annotations

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from hazardwatch.commands.database import database_url
from hazardwatch.commands.options import run, talking, time_of, with_settings
from hazardwatch.faults import Fault
from hazardwatch.settings import Settings
from ingest import rejects as kept_rejects
from ingest.rejects import Choice, KeptReject
from ingest.replaying import BusyError, Replayed, replay
from registry.database import Database

rejects = typer.Typer(help="What could not be used, and why.", no_args_is_help=True)
SHOWN = 60  # characters of a detail in a list

Enterprise = Annotated[str, typer.Option("--enterprise", help="Only of this one.")]
Gateway = Annotated[str, typer.Option("--gateway", help="Only of gateways with this code.")]
Tag = Annotated[str, typer.Option("--tag", help="Only of this tag.")]
Reason = Annotated[str, typer.Option("--reason", help="Only for this reason, such as unknown_tag.")]
Begin = Annotated[str, typer.Option("--from", metavar="TIME", help="Arrived then or later: RFC 3339 or Unix ms.")]
End = Annotated[str, typer.Option("--to", metavar="TIME", help="The first arrival that is left out.")]


@rejects.command("list")
@with_settings
def rejects_list(
    settings: Settings,
    enterprise: Enterprise = "",
    gateway: Gateway = "",
    tag: Tag = "",
    reason: Reason = "",
    begin: Begin = "",
    end: End = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many, the newest.")] = 50,
    unsettled: Annotated[bool, typer.Option("--open", help="Only what no replay has put right.")] = False,
) -> None:
    """Newest first: id, arrival, reason, where from, tag, why, and what became of it."""

    async def ask() -> list[KeptReject]:
        choice = _choice(enterprise, gateway, tag, reason, begin, end)
        async with _opened(settings) as database:
            found, _ = await kept_rejects.page(database, choice, limit=limit, settled=False if unsettled else None)
            return found

    for one in run(ask()):
        at = f"{one.at:%Y-%m-%dT%H:%M:%S}.{one.at.microsecond // 1000:03}Z"
        where = f"{one.enterprise}/{one.gateway}" if one.enterprise else one.topic
        said = f"[{one.outcome}]" if one.outcome else ""
        typer.echo("  ".join(filter(None, (one.id, at, one.reason, where, one.tag, one.detail[:SHOWN], said))))


@rejects.command("show")
@with_settings
def rejects_show(
    settings: Settings, identity: Annotated[str, typer.Argument(metavar="ID", help="From `rejects list`.")]
) -> None:
    """One with all that is kept of it; the payload alone goes to standard output, byte for byte."""

    async def ask() -> KeptReject | None:
        async with _opened(settings) as database:
            return await kept_rejects.one(database, identity)

    found = run(ask())
    if found is None:
        raise Fault(f"id: there is no reject {identity}")
    for name in (
        "id",
        "at",
        "reason",
        "detail",
        "topic",
        "tag",
        "size",
        "sha256",
        "outcome",
        "replayed_at",
        "replayed_by",
    ):
        typer.echo(f"{name:12} {getattr(found, name)}", err=True)
    sys.stdout.buffer.write(found.payload)
    sys.stdout.flush()


@rejects.command("replay")
@with_settings
def rejects_replay(
    settings: Settings,
    enterprise: Enterprise = "",
    gateway: Gateway = "",
    tag: Tag = "",
    reason: Reason = "",
    begin: Begin = "",
    end: End = "",
    everything: Annotated[bool, typer.Option("--all", help="Needed where nothing narrows the choice.")] = False,
) -> None:
    """Puts them through the same checks once more, after the site has what they lacked; twice changes nothing.

    Their readings go the way of live ones, at the times they would have been stored under, as late readings.
    """
    if not (everything or enterprise or gateway or tag or reason or begin or end):
        raise Fault("replay: choose by --reason, --enterprise, --gateway, --tag, --from or --to; or say --all")

    async def work() -> Replayed:
        choice = _choice(enterprise, gateway, tag, reason, begin, end)
        async with talking(settings) as talk, _opened(settings) as database:
            return await replay(talk.line, database, choice, by=getpass.getuser(), now_ms=talk.now_ms)

    try:
        done = run(work())
    except BusyError as error:
        raise Fault(f"replay: {error}") from error
    for why, count in done.refused.most_common():
        typer.echo(f"{count} not settled: {why}")
    typer.echo(f"{done.rejects} rejects tried, {done.settled} settled, {done.readings} readings put on the line")


def _choice(enterprise: str, gateway: str, tag: str, reason: str, begin: str, end: str) -> Choice:
    span = {
        name: time_of(flag, text) if text else None
        for name, flag, text in (("begin", "from", begin), ("end", "to", end))
    }
    return Choice.of([enterprise] if enterprise else None, gateway=gateway, tag=tag, reason=reason, **span)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.open(database_url(settings), name="rejects", connections=2)
    try:
        yield database
    finally:
        await database.close()
