"""What a role says of itself, every second, in the bucket `roles`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from line.log import Line, LineError

log = structlog.get_logger()

BUCKET = "roles"
EVERY_S = 1.0


class RoleStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """`degraded` names what is missing though the role works; `metrics` are counters since its start."""

    role: str
    at_ms: int
    registry: int
    degraded: tuple[str, ...] = ()
    lag_ms: int = 0  # engine: how far it is behind the input
    session: bool | None = None  # ingest: whether its persistent session at the broker is subscribed
    storage: str | None = None
    metrics: Mapping[str, float | Mapping[str, float]] = {}


async def tell(line: Line, now: Callable[[], RoleStatus]) -> None:
    """Writes the status each second until cancelled; a line that is away hears it when it is back."""
    while True:
        status = now()
        try:
            await line.put(BUCKET, status.role, msgspec.json.encode(status))
        except LineError as error:
            log.info("status not kept", role=status.role, error=str(error))
        await asyncio.sleep(EVERY_S)
