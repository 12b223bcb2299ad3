"""The database's shape: which migrations it has, and applying those it has not."""

from __future__ import annotations

import typer

from hazardwatch.commands.options import run, with_settings
from hazardwatch.faults import Fault
from hazardwatch.running import find
from hazardwatch.settings import Settings
from registry import migrate

db = typer.Typer(help="The database's schema.", no_args_is_help=True)


@db.command("upgrade")
@with_settings
def db_upgrade(settings: Settings) -> None:
    """Applies the migrations that are missing."""
    done = run(migrate.upgrade(database_url(settings)))
    typer.echo("\n".join(f"applied {name}" for name in done) or "nothing was missing")


@db.command("status")
@with_settings
def db_status(settings: Settings) -> None:
    """Which migrations are applied and which are not."""
    found = run(migrate.status(database_url(settings)))
    typer.echo("TimescaleDB" if found.timescale else "PostgreSQL without TimescaleDB")
    for name in found.applied:
        typer.echo(f"applied {name}")
    for name in found.pending:
        typer.echo(f"pending {name}")


def database_url(settings: Settings) -> str:
    url = settings.database_url or find(settings).database_url
    if not url:
        raise Fault("database_url: is not set, and no platform runs here that has a database of its own")
    return url
