"""The platform's engine without the platform: vectors and files of readings to events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alerting.replay import replay_readings, replay_vectors
from registry.csvfiles import read_folder
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
def replay_readings_command(
    site: Annotated[Path, typer.Option("--site", help="The folder with the site's CSV files.")],
    readings: Annotated[Path, typer.Option("--readings", help="ts,enterprise,tag,value,quality as CSV.")],
    out: Out,
) -> None:
    """Runs readings in order of time; writes one event a line, prints readings/s and alarms per level."""
    merged = merge(Site(), read_folder(site)).site
    replay_readings(compile_plan(merged), readings, out, say=typer.echo)
