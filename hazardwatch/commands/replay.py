"""The platform's engine without the platform: vectors, files of readings and stored readings to events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from alerting.replay import replay_readings, replay_vectors
from alerting.replay_stored import Period, replay_stored
from hazardwatch.commands.database import database_url
from hazardwatch.commands.options import run, time_of, with_settings
from hazardwatch.faults import Fault
from hazardwatch.settings import Settings
from ingest.progress import Far
from registry.alarms import Plan
from registry.csvfiles import read_folder
from registry.database import Database
from registry.merge import merge
from registry.plan import compile_plan
from registry.site import Site

replay = typer.Typer(help="The same engine, offline.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", help="Where the answer goes.")]


@replay.command("vectors")
def replay_vectors_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Vectors as JSON.")], out: Out
) -> None:
    """Runs alarm vectors; writes a JSON array of id, events and final."""
    replay_vectors(file, out)


@replay.command("readings")
@with_settings
def replay_readings_command(
    settings: Settings,
    site: Annotated[Path, typer.Option("--site", help="The folder with the site's CSV files.")],
    out: Out,
    readings: Annotated[
        Path | None, typer.Option("--readings", help="ts,enterprise,tag,value,quality as CSV; else what is stored.")
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Of what is stored; RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The first time that is left out.")] = None,
    enterprise: Annotated[str | None, typer.Option("--enterprise", help="Of what is stored, only of this one.")] = None,
) -> None:
    """Runs readings in order of time; writes one event a line, prints readings/s and alarms per level.

    With --readings those of a file; otherwise those that the platform's database holds from --from until before --to.
    """
    if readings is not None:
        for name, given in (("from", begin), ("to", end), ("enterprise", enterprise)):
            if given is not None:
                raise Fault(f"{name}: is for stored readings; leave it out, or --readings")
        replay_readings(_plan(site)[0], readings, out, say=typer.echo)
        return
    if begin is None or end is None:
        raise Fault("from: without --readings, say --from and --to: stored readings of which time")
    period = Period(time_of("from", begin), time_of("to", end), enterprise)
    if not period.begin < period.end:
        raise Fault("to: must be later than from")
    plan, new = _plan(site)
    if enterprise is not None and enterprise not in new.enterprises:
        raise Fault(f"enterprise: {site} has no enterprise {enterprise}")
    with _progress() as tell:
        run(_replay_stored(plan, settings, period, out, tell))


async def _replay_stored(
    plan: Plan, settings: Settings, period: Period, out: Path, tell: Callable[[Far], None]
) -> None:
    database = await Database.open(database_url(settings), name="replay", connections=1)
    try:
        await replay_stored(plan, database, period, out, tell=tell, say=typer.echo)
    finally:
        await database.close()


def _plan(folder: Path) -> tuple[Plan, Site]:
    site = merge(Site(), read_folder(folder)).site
    return compile_plan(site), site


@contextmanager
def _progress() -> Iterator[Callable[[Far], None]]:
    """A line on standard error that shows how far it is, while somebody looks; standard output stays as it is."""
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[readings]:,} of about {task.fields[about]:,} readings"),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=1.0, readings=0, about=0, left="")

        def tell(far: Far) -> None:
            left = "" if far.remaining_s is None else f"{_clock(far.remaining_s)} left"
            shown.update(task, completed=far.done, readings=far.readings, about=far.about, left=left)

        yield tell


def _clock(seconds: float) -> str:
    """Such as 0:07 or 2:05:30."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
