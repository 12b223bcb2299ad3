"""People, tokens and gateways' credentials, made on the running platform and said once."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from hazardwatch.commands.options import Talk, run, talking, with_settings
from hazardwatch.faults import Fault
from hazardwatch.servers.nats import lets_in
from hazardwatch.settings import Settings
from registry import accounts, credentials
from registry.people import Role, scope_fault
from registry.store import current

user = typer.Typer(help="People who log in.", no_args_is_help=True)
token = typer.Typer(help="Bearer tokens of programs.", no_args_is_help=True)
gateway = typer.Typer(help="Gateways' credentials at the broker.", no_args_is_help=True)

RoleOption = Annotated[Role, typer.Option("--role", help="What it may do.")]
RegionOption = Annotated[str, typer.Option("--region", help="Only enterprises of this region and those below.")]
EnterpriseOption = Annotated[str, typer.Option("--enterprise", help="Only this enterprise.")]
ADMITTED_WITHIN_S = 20.0


@user.command("add")
@with_settings
def user_add(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="What the person logs in as.")],
    role: RoleOption,
    region: RegionOption = "",
    enterprise: EnterpriseOption = "",
    password_file: Annotated[Path | None, typer.Option(help="Its first line is the password.")] = None,
) -> None:
    """A new person; asks for the password."""
    password = _password(password_file)

    async def add() -> None:
        async with talking(settings) as talk:
            await _check_scope(talk, region, enterprise)
            await accounts.add_user(
                talk.line, name, password, role, region=region, enterprise=enterprise, at_ms=talk.now_ms()
            )

    run(add())
    typer.echo(f"{name} may log in as {role.value}")


@token.command("create")
@with_settings
def token_create(
    settings: Settings,
    name: Annotated[str, typer.Option("--name", help="Whose acts its acts are.")],
    role: RoleOption,
    region: RegionOption = "",
    enterprise: EnterpriseOption = "",
) -> None:
    """A new token, printed once, alone on the last line."""

    async def create() -> str:
        async with talking(settings) as talk:
            await _check_scope(talk, region, enterprise)
            return await accounts.create_token(
                talk.line, name, role, region=region, enterprise=enterprise, at_ms=talk.now_ms()
            )

    typer.echo(run(create()))


@gateway.command("credential")
@with_settings
def gateway_credential(
    settings: Settings,
    enterprise: Annotated[str, typer.Argument(help="The enterprise's code.")],
    gateway: Annotated[str, typer.Argument(help="The gateway's code.")],
) -> None:
    """Makes or renews a credential; USERNAME PASSWORD are printed once, alone on the last line."""

    async def renew() -> tuple[str, str]:
        async with talking(settings) as talk:
            made = await credentials.renew(talk.line, await current(talk.line), enterprise, gateway)
            await _until_admitted(settings, talk, *made)
            return made

    name, secret = run(renew())
    typer.echo(f"{name} {secret}")


async def _until_admitted(settings: Settings, talk: Talk, name: str, secret: str) -> None:
    """Returns once the embedded broker lets the credential in; says so where it does not, or is not ours."""
    if "mqtt" not in talk.running.embedded:
        typer.echo("the broker is your own: give it this user, and only the topics of the gateway", err=True)
        return
    address = talk.running.mqtt_address
    if not await lets_in(address, name, secret, within_s=ADMITTED_WITHIN_S, tls=settings.tls):
        typer.echo("the broker does not let it in yet: does ingest run?", err=True)


async def _check_scope(talk: Talk, region: str, enterprise: str) -> None:
    fault = scope_fault(await current(talk.line), region, enterprise)
    if fault:
        raise Fault(f"{'region' if region else 'enterprise'}: {fault}")


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text("utf-8").split("\n", 1)[0]
        except OSError as error:
            raise Fault(f"password_file: {file} cannot be read: {error.strerror}") from error
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise Fault("password: the two differ; nothing was changed")
    return first
