"""The state of the platform itself to readings of its own tags, so that its faults are alarms like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np
import structlog

from hazardwatch import disk
from line.clock import SteadyClock
from line.log import Line, LineError, LineFull
from line.messages import CLOCK_GATEWAY, Batch
from registry import platform as tags
from registry.faults import RegistryError
from registry.site import Site
from registry.store import sites

log = structlog.get_logger()

EVERY_S = 10.0
LOOK_S = 1.0
SILENT_MS = 5_000  # a role that has not written its status for so long does not run
LAG_MS = 5_000
SLOW_SYNC_MS = 20.0
ROLE_TAGS = {
    "ingest": tags.INGEST,
    "engine": tags.ENGINE,
    "historian": tags.HISTORIAN,
    "notifier": tags.NOTIFIER,
    "api": tags.API,
}


class RoleStatus(msgspec.Struct, frozen=True):
    """What of a role's status matters here."""

    at_ms: int = 0
    degraded: tuple[str, ...] = ()
    lag_ms: int = 0


def judge(
    *,
    now_ms: int,
    statuses: Mapping[str, RoleStatus],
    used_percent: float,
    sync_ms: float,
) -> dict[str, bool]:
    """Which of the platform's tags are bad now; of what cannot be known, nothing is said.

    The clock and a full INPUT are said by ingest, which knows them first.
    """
    bad = {
        tags.DISK.tag: used_percent >= disk.NEARLY_FULL_PERCENT,
        tags.SYNC.tag: sync_ms > SLOW_SYNC_MS,
    }
    for role, watched in ROLE_TAGS.items():
        status = statuses.get(role, RoleStatus())
        bad[watched.tag] = now_ms - status.at_ms > SILENT_MS
    historian, notifier, engine = (statuses.get(role) for role in ("historian", "notifier", "engine"))
    if historian is not None:
        bad[tags.DATABASE.tag] = "database" in historian.degraded
    if notifier is not None:
        bad[tags.NOTIFIER.tag] |= bool(notifier.degraded)
    if engine is not None:
        bad[tags.ENGINE_LAG.tag] = engine.lag_ms > LAG_MS or bool(engine.degraded)
    return bad


def batch(site: Site, bad: Mapping[str, bool], now_ms: int) -> Batch | None:
    """The readings as a message of INPUT; None before the site has points for them."""
    ids = {tag: site.platform_ids.get(f"{tags.PLATFORM}/{tag}") for tag in bad}
    points = [(point, bad[tag]) for tag, point in ids.items() if point is not None]
    if not points:
        return None
    n = len(points)
    return Batch(
        registry=site.version,
        hashes=np.zeros(1, np.uint64),
        gateways=np.array([-1], np.int32),
        at_ms=np.array([now_ms], np.int64),
        message=np.zeros(n, np.int32),
        points=np.array([point for point, _ in points], np.int32),
        t_ms=np.full(n, now_ms, np.int64),
        values=np.array([float(is_bad) for _, is_bad in points]),
        qualities=np.full(n, 192, np.uint8),
        clocks=np.full(n, CLOCK_GATEWAY, np.uint8),
        source_t_ms=np.full(n, now_ms, np.int64),
    )


async def report(line: Line, clock: SteadyClock, data_dir: Path, sync_ms: float) -> None:
    """Looks every second, tells on change and every ten seconds; runs until cancelled."""
    seen = _Seen()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow_site(line, seen), name="site")
        tasks.create_task(_follow_roles(line, seen), name="statuses")
        await asyncio.sleep(EVERY_S)  # what has just been started is not missing yet
        told: dict[str, bool] = {}
        told_at, told_version = 0.0, 0
        while True:
            bad = judge(
                now_ms=clock.now_ms(),
                statuses=seen.statuses,
                used_percent=disk.used_percent(data_dir),
                sync_ms=sync_ms,
            )
            now = asyncio.get_running_loop().time()
            if bad != told or seen.site.version != told_version or now - told_at >= EVERY_S:
                message = batch(seen.site, bad, clock.now_ms())
                if message is not None and await _append(line, message):
                    told, told_at, told_version = bad, now, seen.site.version
            await asyncio.sleep(LOOK_S)


class _Seen:
    def __init__(self) -> None:
        self.site = Site()
        self.statuses: dict[str, RoleStatus] = {}


async def _follow_site(line: Line, seen: _Seen) -> None:
    while True:
        try:
            async with aclosing(sites(line)) as versions:
                async for site in versions:
                    seen.site = site
        except (LineError, RegistryError) as error:
            log.info("registry version not read", error=str(error))
            await asyncio.sleep(LOOK_S)


async def _follow_roles(line: Line, seen: _Seen) -> None:
    async with aclosing(line.watch("roles")) as changes:
        async for role, value in changes:
            if value is not None:
                seen.statuses[role] = msgspec.json.decode(value, type=RoleStatus)


async def _append(line: Line, message: Batch) -> bool:
    try:
        await line.append(message)
    except LineFull:
        log.warning("the input log is full, the platform cannot even say so by an alarm")
        return False
    except LineError as error:
        log.info("the platform's own readings wait", error=str(error))
        return False
    return True
