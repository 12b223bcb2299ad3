"""Stored readings under a new site to alarm events, through the engine that the platform runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from alerting.engine import Engine
from alerting.replay import as_batch, future_guarded, tell_sum, write_events
from ingest.progress import Far, Progress
from ingest.stored import Readings, guess, stored_points, stored_readings
from line.messages import Tick
from registry.alarms import Plan
from registry.database import Database


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` until before `end`, of one enterprise or of all."""

    begin: datetime
    end: datetime
    enterprise: str | None = None


async def replay_stored(
    plan: Plan,
    database: Database,
    period: Period,
    out: Path,
    *,
    tell: Callable[[Far], None],
    say: Callable[[str], None],
) -> None:
    """Runs what is stored of the plan's tags in order of time, arrival = t, one tick at the end.

    Writes one event a line, the same as from a file of the same readings; tells after each slice how far it is.
    """
    started = time.perf_counter()
    plan = _of_enterprise(plan, period.enterprise)
    ids = _ids(plan, await stored_points(database))
    engine = Engine(future_guarded(plan), per_sample_late=True)
    progress = Progress(await guess(database, ids, period.begin, period.end))
    raised: Counter[str] = Counter()
    count, newest = 0, None
    with out.open("wb") as lines:
        begun = time.perf_counter()
        async with aclosing(stored_readings(database, ids, period.begin, period.end)) as slices:
            async for piece in slices:
                if len(piece.readings):
                    readings = _renamed(piece.readings, ids)
                    newest = int(readings.t_ms[-1])
                    write_events(lines, engine.apply(as_batch(readings), newest), raised)
                    count += len(readings)
                tell(progress.at(piece.end, count, time.perf_counter() - begun))
        if newest is not None:
            write_events(lines, engine.apply(Tick(newest), newest), raised)
    tell_sum(count, raised, time.perf_counter() - started, say)


def _of_enterprise(plan: Plan, enterprise: str | None) -> Plan:
    """Rules never reach into another enterprise."""
    if enterprise is None:
        return plan
    points = tuple(point for point in plan.points if point.enterprise == enterprise)
    return Plan(plan.version, points, tuple(rule for rule in plan.rules if rule.enterprise == enterprise))


def _ids(plan: Plan, stored: Mapping[int, tuple[str, str]]) -> dict[int, int]:
    """The plan's id of each point that was stored under another, by that one: a new site numbers its tags anew."""
    ours = {(point.enterprise, point.tag): point.id for point in plan.points}
    return {id_: ours[name] for id_, name in stored.items() if name in ours}


def _renamed(readings: Readings, ids: Mapping[int, int]) -> Readings:
    """With the plan's ids; of one time in the order of those they are stored with, as a file of them would be."""
    theirs = np.array(sorted(ids), np.int32)
    ours = np.array([ids[id_] for id_ in theirs.tolist()], np.int32)
    return replace(readings, points=ours[np.searchsorted(theirs, readings.points)])
