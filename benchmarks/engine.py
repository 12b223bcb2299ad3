"""Samples a second of the alarm engine, quiet and in a flood, beside what nobody can beat and what anybody could write.

    python benchmarks/engine.py [--points 1000 10000 100000 440000] [--seconds 2]

Every point has four limits. Quiet: values move inside the limits and 0.01 % of the samples cross one. Flood: in each
round 5 % of the points cross two limits or come back. Beside each figure, in the same run: a bare numpy comparison of
the same batch against four limits (without order, timers, state or events), and the scalar reference of `tests`. What
is alive at the start is frozen out of garbage collection, as a role that starts does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in {None, ""}:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alerting.engine import Engine
from alerting.replay import readings_batch
from alerting.taking import Taking
from benchmarks import HEAD, Figure
from line.messages import Batch
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings, RuleSettings
from tests import reference

MESSAGE = 63  # readings of one gateway in one message
QUIET, FLOOD = 0.0001, 0.05
QUIET_LIMIT, FLOOD_LIMIT, BYTES_LIMIT = 5_000_000, 1_000_000, 400


def alarms() -> dict[str, AlarmSettings]:
    """The four limits of every point."""
    return {
        "HH": AlarmSettings(90.0, deadband=2.0, realarm_ms=600_000, priority=1),
        "H": AlarmSettings(80.0, deadband=2.0, on_delay_ms=5_000),
        "L": AlarmSettings(20.0, deadband=2.0, on_delay_ms=5_000),
        "LL": AlarmSettings(10.0, deadband=2.0),
    }


def plan_of(points: int, rules: tuple[RuleSettings, ...] = ()) -> Plan:
    """Points with four limits each, a gateway for every 63 of them."""
    levels = alarms()
    return Plan(
        1,
        tuple(
            PointSettings(id=i, enterprise=f"E{i // 63}", source=f"S{i // 21}", tag=f"TK{i:06}.LT", unit="m",
                          stale_ms=30_000, timer_lag_ms=1_000, alarms=levels)
            for i in range(points)
        ),
        rules,
        gateways=tuple(GatewaySettings(id=g, enterprise=f"E{g}", code="GW1") for g in range(-(-points // MESSAGE))),
    )  # fmt: skip


def batches(points: int, rounds: int, *, share: float, seed: int = 1) -> list[Batch]:
    """One reading of each point every 10 s; `share` of them cross a limit or come back."""
    random = np.random.default_rng(seed)
    values = random.uniform(40.0, 60.0, points)
    out = []
    for turn in range(rounds):
        values = np.where((values > 25) & (values < 75), values, 50.0) + random.normal(0.0, 0.1, points)
        if share:
            values[random.random(points) < share / 2] = 95.0  # and back in the next round
        t = 1_767_225_600_000 + turn * 10_000 + np.arange(points) % 10_000
        message = (np.arange(points) // MESSAGE).astype(np.int32)
        gateways = np.arange(message[-1] + 1, dtype=np.int32)
        out.append(
            readings_batch(
                gateways=gateways,
                at_ms=np.full(len(gateways), t.max() + 50, np.int64),
                message=message,
                points=np.arange(points, dtype=np.int32),
                t_ms=t,
                values=values.copy(),
                qualities=np.full(points, 192, np.uint8),
            )
        )
    return out


def bare(points: int, work: list[Batch], seconds: float) -> float:
    """Readings a second of four compares against columns of limits, gathered by point."""
    limits = [np.full(points, limit) for limit in (90.0, 80.0, 20.0, 10.0)]
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for batch in work:
            over = batch.values >= limits[0][batch.points]
            over |= batch.values >= limits[1][batch.points]
            over |= batch.values <= limits[2][batch.points]
            over |= batch.values <= limits[3][batch.points]
            count += len(batch.points)
            if over.sum() > len(over):
                raise AssertionError
    return count / (time.perf_counter() - started)


def engine(plan: Plan, work: list[Batch], seconds: float) -> tuple[float, int]:
    """Readings a second through the engine, and events."""
    subject = Engine(plan)
    subject.apply(work[0], 0)
    gc.collect()
    gc.freeze()
    count, said, took, turn, offset = 0, 0, 0.0, 1, 0
    while took < seconds:
        batch = work[turn]
        if offset:
            batch = shifted(batch, offset)
        started = time.perf_counter()
        events = subject.apply(batch, 0)
        took += time.perf_counter() - started
        count += len(batch.points)
        said += len(events)
        turn += 1
        if turn == len(work):
            turn, offset = 0, offset + len(work) * 10_000
    return count / took, said


def shifted(batch: Batch, by: int) -> Batch:
    """The same readings later."""
    return readings_batch(
        gateways=batch.gateways,
        at_ms=batch.at_ms + by,
        message=batch.message,
        points=batch.points,
        t_ms=batch.t_ms + by,
        values=batch.values,
        qualities=batch.qualities,
    )


def memory(plan: Plan) -> float:
    """Bytes a point that an engine holds, all of Python's objects with it."""
    data = Engine(plan).snapshot()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    subject = Engine.restore(data)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    subject.next_wake()
    return (after - before) / len(plan.points)


def scalar(samples: int, share: float) -> float:
    """Samples a second of the reference, on one point of the same kind."""
    rng = np.random.default_rng(2)
    values = np.where(rng.random(samples) < share / 2, 95.0, rng.uniform(40.0, 60.0, samples))
    steps = [{"s": [n * 10_000, float(v), "G"]} for n, v in enumerate(values)]
    levels: dict[str, Any] = {
        level: {"limit": a.limit, "deadband": a.deadband, "on_delay_ms": a.on_delay_ms} for level, a in alarms().items()
    }
    vector = {"id": "bench", "point": {"stale_ms": 30_000}, "alarms": levels, "steps": steps}
    started = time.perf_counter()
    reference.run([vector])
    return samples / (time.perf_counter() - started)


RULES: dict[str, tuple[int, dict[str, float]]] = {  # inputs and parameters
    "RATE": (1, {"window_s": 300.0, "rise": 30.0, "deadband": 1.0}),
    "DEV": (2, {"limit": 60.0, "deadband": 5.0}),
    "BALANCE": (2, {"area": 1.0, "minutes": 5.0, "limit": 1e6}),
    "FLAT": (2, {"flow_min": 70.0, "noise": 0.1, "minutes": 5.0}),
}
ROLES = {"RATE": ("value",), "DEV": ("a", "b"), "BALANCE": ("level", "in"), "FLAT": ("flow", "level")}


def rules_of(kind: str, points: int) -> tuple[RuleSettings, ...]:
    """A rule of that type on every point, or pair of points."""
    inputs, params = RULES[kind]
    return tuple(
        RuleSettings(points + n, f"E{n}", f"S{n}", f"R{n}", kind,
                     {role: n * inputs + k for k, role in enumerate(ROLES[kind])}, params, AlarmSettings(1.0))
        for n in range(points // inputs)
    )  # fmt: skip


def figures(points: int, seconds: float) -> Iterator[Figure]:
    """All figures at so many points."""
    plan = plan_of(points)
    for name, share, limit in (("quiet", QUIET, QUIET_LIMIT), ("5 % flood", FLOOD, FLOOD_LIMIT)):
        work = batches(points, 6 if points > 100_000 else 60, share=share)
        floor = bare(points, work, seconds / 3)
        rate, events = engine(plan, work, seconds)
        yield Figure(f"{points:,} points, {name}", rate, "samples/s", limit)
        yield Figure(f"{points:,} points, {name}, events", events, "in the run")
        yield Figure(f"{points:,} points, {name}, as a share of a bare compare", rate / floor, "")
        yield Figure(f"{points:,} points, {name}, times the scalar reference", rate / scalar(20_000, share), "")
    yield Figure(f"{points:,} points, memory", memory(plan), "bytes/point", BYTES_LIMIT, at_least=False)


def snapshots(points: int) -> Iterator[Figure]:
    """What it takes to write the whole state down and to go on from it."""
    subject = Engine(plan_of(points))
    subject.apply(batches(points, 1, share=FLOOD)[0], 0)
    started = time.perf_counter()
    data = subject.snapshot()
    taken = time.perf_counter()
    Engine.restore(data)
    gc.freeze()
    begun = time.perf_counter()
    copy = Taking(_nothing)
    paused = time.perf_counter() - begun
    asyncio.run(copy.written()).close()
    yield Figure(f"{points:,} points, pause of evaluation for a snapshot", paused * 1000, "ms")
    yield Figure(f"{points:,} points, snapshot", taken - started, "s")
    yield Figure(f"{points:,} points, snapshot", len(data) / 2**20, "MiB")
    yield Figure(f"{points:,} points, restore", time.perf_counter() - taken, "s")


def _nothing(file: io.BufferedRandom) -> None:
    """What the copy writes does not count: evaluation has gone on by then."""


def watched(points: int, seconds: float) -> Iterator[Figure]:
    """Samples a second where every point is an input of a rule beyond limits."""
    work = batches(points, 60, share=0.0)
    for kind in RULES:
        rate, _ = engine(plan_of(points, rules_of(kind, points)), work, seconds)
        yield Figure(f"{points:,} points, each watched by a {kind} rule", rate, "samples/s", COUNTRY)


COUNTRY = 44_000  # samples a second: 440,000 points every 10 s


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, nargs="+", default=[1_000, 10_000, 100_000, 440_000])
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    print(HEAD)
    for points in given.points:
        for figure in figures(points, given.seconds):
            print(figure.row(), flush=True)
    for figure in (*snapshots(max(given.points)), *watched(10_000, given.seconds)):
        print(figure.row(), flush=True)


if __name__ == "__main__":
    main()
