"""Is it well: healthz, readyz, metrics."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from dashboard_api.access import Context, context
from ingest.status import RoleStatus
from line.log import LineError

router = APIRouter(include_in_schema=False)
RUNNING_MS = 5_000  # a role that was not heard for so long does not run
ROLES = ("ingest", "engine", "historian", "api", "notifier")
CUSTODY_AND_EVALUATION = frozenset({"ingest", "engine"})
FATAL = frozenset({"input-full", "line", "mqtt", "registry"})  # of ingest: then nothing is kept
MOST_LAG_MS = 10_000


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """HTTP is up."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 while readings are kept and alarms raised, with what else is missing; 503 while they are not."""
    here = context(request)
    try:
        statuses = await role_statuses(here)
        usable = bool(statuses)
    except LineError:
        statuses, usable = {}, False
    failing, degraded = judged(statuses, here.clock.now_ms()) if usable else (["line"], [])
    if not here.feed.ready.is_set():
        failing.append("api: starting")
    roles = {
        name: {
            "registry": status.registry,
            "age_s": round((here.clock.now_ms() - status.at_ms) / 1000, 1),
            "degraded": list(status.degraded),
            **({"storage": status.storage} if status.storage else {}),
        }
        for name, status in sorted(statuses.items())
    }
    body: dict[str, Any] = {"ready": not failing, "degraded": [*failing, *degraded], "roles": roles}
    return JSONResponse(body, status_code=503 if failing else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text: the counters that each role reports."""
    here = context(request)
    statuses = await role_statuses(here)
    lines = ["# TYPE hazardwatch_role_age_seconds gauge"]
    now_ms = here.clock.now_ms()
    for name, status in sorted(statuses.items()):
        lines.append(f'hazardwatch_role_age_seconds{{role="{name}"}} {(now_ms - status.at_ms) / 1000:.3f}')
        lines.append(f'hazardwatch_registry_version{{role="{name}"}} {status.registry}')
        for key, value in status.metrics.items():
            lines += _samples(name, key, value)
    hub = here.feed.hub
    lines.append(f"hazardwatch_api_screens {len(hub.screens)}")
    lines.append(f"hazardwatch_api_screens_closed_as_too_slow_total {hub.closed_as_too_slow}")
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def role_statuses(here: Context) -> dict[str, RoleStatus]:
    """What each role said of itself last."""
    found = {}
    for name, value in (await here.line.entries("roles")).items():
        try:
            found[name] = msgspec.json.decode(value, type=RoleStatus)
        except msgspec.DecodeError:
            continue
    return found


def judged(statuses: dict[str, RoleStatus], now_ms: int) -> tuple[list[str], list[str]]:
    """What is so wrong that readings are not kept or alarms not raised, and what else is missing."""
    failing: list[str] = []
    degraded: list[str] = []
    for role in ROLES:
        status = statuses.get(role)
        if status is None or now_ms - status.at_ms > RUNNING_MS:
            (failing if role in CUSTODY_AND_EVALUATION else degraded).append(f"{role}: does not run")
            continue
        for trouble in status.degraded:
            if role == "ingest" and trouble in FATAL:
                failing.append(f"{role}: {trouble}")
            else:
                degraded.append(trouble)
        if role == "engine" and status.lag_ms > MOST_LAG_MS:
            failing.append("engine: behind the input")
    return failing, list(dict.fromkeys(degraded))


def _samples(role: str, key: str, value: Any) -> list[str]:
    name = f"hazardwatch_{role}_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"
    if isinstance(value, dict):
        return [f'{name}{{of="{re.sub(chr(34), "", str(label))}"}} {number}' for label, number in value.items()]
    return [f"{name} {value}"]
