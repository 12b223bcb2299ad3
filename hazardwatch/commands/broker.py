"""A broker of your own: what it would lose of that which it confirms, before gateways rely on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hazardwatch.commands.options import with_settings
from hazardwatch.faults import Fault
from hazardwatch.running import find
from hazardwatch.settings import Settings
from ingest.mqtt import Broker, BrokerError
from ingest.trial.client import TrialError
from ingest.trial.probes import Setting, try_broker
from ingest.trial.verdicts import Found, fails, table

broker = typer.Typer(help="Your own MQTT broker.", no_args_is_help=True)


@broker.command("try")
@with_settings
def broker_try(
    settings: Settings,
    url: Annotated[
        str, typer.Argument(metavar="[URL]", help="mqtt://host:port or mqtts://…; empty: the running platform's.")
    ] = "",
    user: Annotated[
        str, typer.Option("--user", help="With the rights of ingest; not ingest's own while it runs.")
    ] = "",
    password: Annotated[str, typer.Option("--password", help="Its password.")] = "",
    gateway: Annotated[str, typer.Option("--gateway", metavar="ENTERPRISE/GATEWAY", help="A second one's.")] = "",
    gateway_user: Annotated[str, typer.Option("--gateway-user", help="Its user; else ENTERPRISE.GATEWAY.")] = "",
    gateway_password: Annotated[str, typer.Option("--gateway-password", help="Its password.")] = "",
    ca_file: Annotated[Path | None, typer.Option("--ca-file", help="Whom to trust with mqtts://.")] = None,
    restart_command: Annotated[
        str | None, typer.Option("--restart-command", help="Kills the broker with -9 and starts it again.")
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=10, max=1_000_000, help="Messages of the longest trial.")
    ] = 5_000,
) -> None:
    """Publishes and subscribes as gateways and the platform do, and counts what is delivered; about a minute.

    Exit code 1: it would lose what it confirmed, or lets one gateway speak for another. Nothing that is sent holds a
    reading.
    """
    setting = Setting(_address(settings, url, user, password, ca_file), count=count, restart_command=restart_command)
    if gateway:
        enterprise, _, code = gateway.partition("/")
        if not enterprise or not code:
            raise Fault("gateway: write ENTERPRISE/GATEWAY")
        name = gateway_user or f"{enterprise}.{code}"
        setting.gateway = _address(settings, url, name, gateway_password, ca_file)
        setting.topic = f"hazard/v1/{enterprise}/{code}/readings"
    try:
        found = try_broker(setting, _say)
    except TrialError as error:
        raise Fault(f"broker: {error}") from error
    typer.echo("\n".join(["", *table(found)]))
    why = fails(found)
    typer.echo(f"\n{why or 'Nothing that was confirmed was lost in what was tried.'}")
    if why:
        raise typer.Exit(1)


def _say(one: Found) -> None:
    typer.echo(f"tried: {one.what}", err=True)


def _address(settings: Settings, url: str, user: str, password: str, ca_file: Path | None) -> Broker:
    if not url:
        running = find(settings)
        url = running.mqtt_url
        if "mqtt" in running.embedded and settings.tls_cert is not None:
            return _with(Broker.at(url, client_id="", ca_file=settings.tls_cert, pinned=True), user, password)
    try:
        return _with(Broker.at(url, client_id="", ca_file=ca_file), user, password)
    except BrokerError as error:
        raise Fault(f"url: {error}") from error


def _with(found: Broker, user: str, password: str) -> Broker:
    if not user:
        return found
    return Broker(found.host, found.port, "", user, password, found.tls, found.ca_file, found.pinned)
