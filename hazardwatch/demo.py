"""An empty platform to a demonstration: the demo site, people to log in as, simulated gateways that play accidents."""

from __future__ import annotations

import os
import secrets
from importlib.resources import files
from urllib.parse import urlsplit

import msgspec
import structlog
import typer

from hazardwatch.children import python
from hazardwatch.faults import Fault
from hazardwatch.running import private
from hazardwatch.servers.nats import lets_in
from hazardwatch.settings import Settings
from hazardwatch.supervisor import Platform
from line.clock import SteadyClock
from line.log import Line, LineError
from registry import credentials
from registry.accounts import add_user, change_user, users
from registry.csvfiles import FILES, table
from registry.people import Role
from registry.site import Site
from registry.store import current, head, import_files

log = structlog.get_logger()

KEPT = "secrets/demo.json"
FOR_SIMULATORS = "secrets/simulators.json"
PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.ENGINEER, Role.ADMIN)
ADMITTED_WITHIN_S = 20.0


class Kept(msgspec.Struct):
    """The demo's passwords by user, and its gateways' secrets by their names at the broker."""

    people: dict[str, str] = {}
    gateways: dict[str, str] = {}


async def play(platform: Platform, line: Line) -> None:
    """What `up` does for its guest: everything is made once and found again at the next start."""
    if "mqtt" not in platform.running.embedded:
        raise Fault("mqtt_url: the demo's gateways know only the embedded broker; leave mqtt_url away, or use `up`")
    if platform.settings.tls:
        raise Fault("tls_cert: the demo's gateways speak without TLS; leave the certificate away, or use `up`")
    while True:
        try:
            kept = await _prepared(platform, line)
            break
        except LineError as error:
            log.warning("the line does not answer, the demo is prepared again", error=str(error))
    await platform.is_running.wait()
    await _admitted(platform, kept)
    _simulate(platform, kept)
    _greet(platform, kept)


async def _prepared(platform: Platform, line: Line) -> Kept:
    clock = await SteadyClock.open(line)
    demo = _site_files()
    if await head(line) == 0:
        done = await import_files(line, demo, by="demo", now_ms=clock.now_ms)
        log.info("the demo site is imported", version=done.version)
    kept = _read(platform.settings)
    await _people(line, kept, clock.now_ms())
    await _gateways(line, await current(line), demo, kept)
    private(platform.settings.data_dir / KEPT, msgspec.json.encode(kept))
    return kept


def _site_files() -> dict[str, bytes]:
    folder = files("registry").joinpath("demo")
    return {name: folder.joinpath(name).read_bytes() for name in FILES if folder.joinpath(name).is_file()}


def _read(settings: Settings) -> Kept:
    path = settings.data_dir / KEPT
    return msgspec.json.decode(path.read_bytes(), type=Kept) if path.exists() else Kept()


async def _people(line: Line, kept: Kept, now_ms: int) -> None:
    """One person a role; whose password we no longer know gets a new one."""
    there = {user.name for user in await users(line)}
    for role in PEOPLE:
        name = role.value
        if name in there and name in kept.people:
            continue
        kept.people.setdefault(name, secrets.token_urlsafe(9))
        if name in there:
            await change_user(line, name, password=kept.people[name])
        else:
            await add_user(line, name, kept.people[name], role, at_ms=now_ms)


async def _gateways(line: Line, site: Site, demo: dict[str, bytes], kept: Kept) -> None:
    """A credential for each of the demo's gateways that the site still has."""
    known = await credentials.hashes(line)
    for row in table("gateways.csv", demo["gateways.csv"]).rows:
        enterprise, gateway = row.cells["enterprise"], row.cells["code"]
        name = credentials.username(enterprise, gateway)
        if f"{enterprise}/{gateway}" not in site.gateways:
            kept.gateways.pop(name, None)
            continue
        if name in known and name in kept.gateways and credentials.is_right(kept.gateways[name], known[name]):
            continue
        _, kept.gateways[name] = await credentials.renew(line, site, enterprise, gateway)


async def _admitted(platform: Platform, kept: Kept) -> None:
    """Returns once the broker lets all of them in."""
    address = platform.running.mqtt_address
    for name, secret in kept.gateways.items():
        if not await lets_in(address, name, secret, within_s=ADMITTED_WITHIN_S, tls=False):
            log.warning("the broker does not let a gateway of the demo in", gateway=name)


def _simulate(platform: Platform, kept: Kept) -> None:
    address = urlsplit(f"//{platform.running.mqtt_address}")
    gateways = [
        {"enterprise": name.split(".")[0], "gateway": name.split(".")[1], "username": name, "password": secret}
        for name, secret in kept.gateways.items()
    ]
    config = {"mqtt": {"host": address.hostname, "port": address.port}, "gateways": gateways}
    path = platform.settings.data_dir / FOR_SIMULATORS
    private(path, msgspec.json.encode(config))
    platform.invite(python("simulators", ["simulators", "--config", str(path)], dict(os.environ)))


def _greet(platform: Platform, kept: Kept) -> None:
    typer.echo(f"\n  Hazardwatch runs at {platform.running.http_address}\n\n  log in as")
    for name, password in kept.people.items():
        typer.echo(f"    {name:<10} {password}")
    typer.echo("\n  simulated gateways send ordinary days; in the enterprise DRILL real accidents are played, faster")
    typer.echo(f"  its data are in {platform.settings.data_dir}; Ctrl-C ends all of it\n")
