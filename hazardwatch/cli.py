"""The command `hazardwatch`: words on a line to a platform, a role, or an answer."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Annotated

import typer

from alerting.replay import ReplayError
from hazardwatch import logs
from hazardwatch.commands import broker, database, export, people, rejects, replay, site
from hazardwatch.commands.options import with_settings
from hazardwatch.demo import play
from hazardwatch.faults import Fault
from hazardwatch.settings import Settings
from hazardwatch.supervisor import up
from line.log import LineError
from registry.database import DatabaseError
from registry.faults import RegistryError, SiteFaults

app = typer.Typer(
    help="Watches major hazard sources in real time and tells people before, not after.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(people.user, name="user")
app.add_typer(people.token, name="token")
app.add_typer(people.gateway, name="gateway")
app.add_typer(site.site, name="site")
app.add_typer(replay.replay, name="replay")
app.add_typer(export.export, name="export")
app.add_typer(database.db, name="db")
app.add_typer(rejects.rejects, name="rejects")
app.add_typer(broker.broker, name="broker")


def main() -> None:
    """Faults are one line on standard error: 2 where the settings must be changed, 1 where the answer is no."""
    try:
        app()
    except Fault as fault:
        _say(fault)
        sys.exit(2)
    except SiteFaults as faults:
        for fault_ in faults.faults:
            typer.echo(str(fault_), err=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        _say(Fault(f"{error.filename}: {error.strerror}"))
        sys.exit(2)
    except (LineError, RegistryError, DatabaseError, ReplayError) as error:
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    typer.echo(f"hazardwatch: {' '.join(str(error).split())}", err=True)


@app.command("up")
@with_settings
def up_command(settings: Settings) -> None:
    """The platform: embedded servers where no URL is set, and all roles; until Ctrl-C."""
    logs.set_up(role="up", level=settings.log_level, form=settings.log_format)
    asyncio.run(up(settings))


def _demo(settings: Settings) -> None:
    """The platform with the demo site, people to log in as, and simulated gateways; until Ctrl-C."""
    logs.set_up(role="demo", level=settings.log_level, form=settings.log_format)
    asyncio.run(up(settings, play))


app.command("demo")(with_settings(_demo, "demo"))


def _role(name: str, does: str) -> None:
    """A command that becomes one role; only its own rooms are imported then."""

    @with_settings
    def command(settings: Settings) -> None:
        importlib.import_module(f"hazardwatch.roles.{name}").main(settings)

    app.command(name, help=does)(command)


_role("ingest", "The role that takes readings in, alone.")
_role("engine", "The role that raises alarms, alone.")
_role("historian", "The role that writes history, alone.")
_role("notifier", "The role that tells people, alone.")


@app.command("api")
@with_settings
def api_command(
    settings: Settings,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A bound socket that was inherited.")] = None,
) -> None:
    """The role that serves screens and programs, alone."""
    importlib.import_module("hazardwatch.roles.api").main(settings, fd)
