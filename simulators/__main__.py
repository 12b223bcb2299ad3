"""Commands: play a site's gateways, write an accident as a file, list what there is."""

from __future__ import annotations

import csv
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from simulators import demo
from simulators.incident import IncidentError, clock_on, load, names
from simulators.playback import played
from simulators.tags import DEMO, read

app = typer.Typer(help="Simulated gateways and real accidents.", pretty_exceptions_enable=False, add_completion=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="as `run`: the gateways to play, a JSON file")] = None,
) -> None:
    """Without a command: as `run`."""
    if context.invoked_subcommand is None:
        if config is None:
            raise typer.BadParameter("name a configuration: --config FILE, or a command: see --help")
        run(config)


@app.command()
def run(config: Annotated[Path, typer.Option(help="broker, gateways and what to play, a JSON file")]) -> None:
    """Play the gateways of a site until interrupted."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    demo.run(demo.Config.read(config), stop)


@app.command()
def incident(
    name: str,
    out: Annotated[Path, typer.Option(help="the CSV file to write")],
    begins: Annotated[str | None, typer.Option("--from", help="time of day to begin at, such as 02:30")] = None,
    days_ago: Annotated[int, typer.Option(help="on which day the accident shall have happened")] = 1,
    site: Annotated[Path, typer.Option(help="folder with tags.csv")] = DEMO,
    seed: Annotated[int, typer.Option(help="of the noise")] = 1,
) -> None:
    """Write an accident's readings as ts,enterprise,tag,value,quality."""
    try:
        found = load(name)
    except IncidentError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    start = clock_on(found.ends.date(), begins) if begins else None
    rows = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["ts", "enterprise", "tag", "value", "quality"])
        for _, readings in played(found, read(site), day=day, begins=start, seed=seed):
            writer.writerows([one.t_ms, found.enterprise, one.tag, one.value, one.quality] for one in readings)
            rows += len(readings)
    typer.echo(f"{found.title}: {rows} readings in {out}")


@app.command("list")
def list_() -> None:
    """The accidents that can be played, and how much of each was published."""
    for name in names():
        found = load(name)
        marks = [mark for figure in found.figures.values() for mark in figure.marks]
        typer.echo(f"{name:<18} {found.title}: {sum(marks)} of {len(marks)} figures published, the others interpolated")


if __name__ == "__main__":
    app()
