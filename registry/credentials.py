"""A gateway to its MQTT user name and secret, of which only a hash is kept."""

from __future__ import annotations

import secrets

import bcrypt

from line.log import Line
from registry.faults import RegistryError
from registry.site import Site

BUCKET = "credentials"
COST = 4  # bcrypt's least: over a secret of 160 random bits a slow hash adds nothing but broker load


class UnknownGateway(RegistryError):  # noqa: N818  what is missing
    """The site has no such gateway."""


def username(enterprise: str, gateway: str) -> str:
    """What a gateway logs in to the broker as; also the key of its hash."""
    return f"{enterprise}.{gateway}"


async def renew(line: Line, site: Site, enterprise: str, gateway: str) -> tuple[str, str]:
    """A gateway's user name and new secret; the old one ends. The secret is kept nowhere else."""
    if f"{enterprise}/{gateway}" not in site.gateways:
        raise UnknownGateway(f"there is no gateway {gateway} of {enterprise} in the site")
    secret = secrets.token_urlsafe(20)
    await line.put(BUCKET, username(enterprise, gateway), bcrypt.hashpw(secret.encode(), bcrypt.gensalt(COST)))
    return username(enterprise, gateway), secret


async def hashes(line: Line) -> dict[str, str]:
    """User name -> bcrypt hash of every gateway that has a credential."""
    return {name: value.decode() for name, value in (await line.entries(BUCKET)).items()}


def is_right(secret: str, hashed: str) -> bool:
    return bcrypt.checkpw(secret.encode(), hashed.encode())
