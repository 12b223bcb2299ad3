"""Commands: play a site's gateways, write an accident as a file, load a platform and keep a ledger."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from simulators import demo
from simulators.config import PLAYED, Config, ConfigError, factor
from simulators.incident import IncidentError, load, names
from simulators.load import LoadError, Wanted
from simulators.load import run as run_load
from simulators.playback import paced, played, written
from simulators.tags import DEMO, read

app = typer.Typer(help="Simulated gateways and real accidents.", pretty_exceptions_enable=False, add_completion=False)

Configured = Annotated[Path, typer.Option(help="broker, gateways and what to play, a JSON file")]
Speed = Annotated[
    str | None, typer.Option(envvar="SIMULATORS_SPEED", help="seconds of an accident in one of ours, 1 or more, or max")
]
Begins = Annotated[
    str | None, typer.Option("--from", envvar="SIMULATORS_FROM", help="time of day to begin at, such as 02:30")
]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="as `run`: the gateways to play, a JSON file")] = None,
    speed: Speed = None,
    begins: Begins = None,
) -> None:
    """Without a command: as `run`."""
    if context.invoked_subcommand is None:
        if config is None:
            raise typer.BadParameter("name a configuration: --config FILE, or a command: see --help")
        run(config, speed, begins)


@app.command()
def run(config: Configured, speed: Speed = None, begins: Begins = None) -> None:
    """Play the gateways of a site until interrupted."""
    with _said(), _until_interrupted() as stop:
        demo.run(Config.read(config, speed=speed, begins=begins), stop)


@app.command()
def incident(
    name: str,
    out: Annotated[Path, typer.Option(help="the CSV file to write")],
    begins: Annotated[str | None, typer.Option("--from", help="time of day to begin at, such as 02:30")] = None,
    speed: Annotated[str, typer.Option(help="as for `run`; max: all at once")] = "max",
    day_before: Annotated[bool, typer.Option("--day-before", help="with the 24 h before anything was wrong")] = False,
    days_ago: Annotated[int, typer.Option(help="on which day the accident shall have happened")] = 1,
    site: Annotated[
        Path | None, typer.Option(help="folder with tags.csv; else the demo, or the accident's own")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the noise")] = 1,
) -> None:
    """Write an accident's readings as ts,enterprise,tag,value,quality."""
    with _said(), _until_interrupted() as stop:
        found = load(name)
        start = found.moment(begins) if begins else None
        if begins and day_before:
            raise IncidentError("--from and --day-before exclude each other")
        own = day_before or name not in PLAYED
        tags = read(site or (found.site if own else DEMO))
        day = datetime.now(UTC).date() - timedelta(days=days_ago)
        moments = played(found, tags, day=day, begins=start, seed=seed, day_before=day_before)
        batches = paced(moments, factor(speed), stop)
        rows = written(batches, found.enterprise, out)
        typer.echo(f"{found.title}: {rows} readings in {out}")


@app.command("load")
def load_(
    config: Configured,
    ledger: Annotated[Path, typer.Option(help="the CSV file for what was confirmed")],
    rate: Annotated[str, typer.Option(help="readings a second, or max")] = "1000",
    per_message: Annotated[int, typer.Option(min=1, help="readings in one message")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="how long to send")] = 10.0,
    gateway: Annotated[list[str] | None, typer.Option(help="ENTERPRISE/GATEWAY, again for more; else all")] = None,
) -> None:
    """Publish at QoS 1 and keep a ledger of every confirmed reading; print what came of it as JSON."""
    with _said(), _until_interrupted() as stop:
        found = Config.read(config)
        chosen = [one for one in found.accounts if not gateway or f"{one.enterprise}/{one.gateway}" in gateway]
        if rate != "max" and not (rate.replace(".", "", 1).isdigit() and float(rate) > 0):
            raise ConfigError(f"rate: {rate} is neither a number above 0 nor max")
        wanted = Wanted(None if rate == "max" else float(rate), per_message, seconds)
        result = run_load(chosen, read(found.site), found.host, found.port, wanted, ledger, stop)
    typer.echo(result.text())
    if result.confirmed < result.messages:
        raise typer.Exit(1)


@app.command("list")
def list_() -> None:
    """The accidents that can be played, and how much of each was published."""
    for name in names():
        found = load(name)
        marks = found.marks
        typer.echo(f"{name:<18} {found.title}: {sum(marks)} of {len(marks)} figures published, the others interpolated")


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    yield stop


@contextmanager
def _said() -> Iterator[None]:
    """What cannot be played is one line, not a traceback."""
    try:
        yield
    except (ConfigError, IncidentError, LoadError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
