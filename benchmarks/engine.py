"""Samples a second of the alarm engine, quiet and in a flood, beside a bare numpy compare in the same run.

    python -m benchmarks.engine [--points 1000 440000] [--seconds 3]

Every point has four limits. Quiet: values move inside the limits. Flood: in each round 5 % of the points cross a limit
or come back. The bare compare is what nobody can beat: four comparisons of each value with its point's limits, without
order, timers or state. What is alive at the start is frozen out of garbage collection, as a role that starts does.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc

import numpy as np

from alerting.engine import Engine
from alerting.events import Event
from alerting.replay import readings_batch
from line.messages import Batch
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings

MESSAGE = 63  # readings of one gateway in one message
BATCH = 440_000
SHARE = 0.05


def plan_of(points: int) -> Plan:
    """Points with four limits each, a gateway for every 63 of them."""
    alarms = {
        "HH": AlarmSettings(90.0, deadband=2.0, realarm_ms=600_000, priority=1),
        "H": AlarmSettings(80.0, deadband=2.0, on_delay_ms=5_000),
        "L": AlarmSettings(20.0, deadband=2.0, on_delay_ms=5_000),
        "LL": AlarmSettings(10.0, deadband=2.0),
    }
    return Plan(
        1,
        tuple(
            PointSettings(id=i, enterprise=f"E{i // 63}", source=f"S{i // 21}", tag=f"TK{i:06}.LT", unit="m",
                          stale_ms=30_000, timer_lag_ms=1_000, alarms=alarms)
            for i in range(points)
        ),
        gateways=tuple(GatewaySettings(id=g, enterprise=f"E{g}", code="GW1") for g in range(-(-points // MESSAGE))),
    )  # fmt: skip


def batches(points: int, rounds: int, *, share: float, seed: int = 1) -> list[Batch]:
    """One reading of each point every 10 s, cut into batches of at most 440,000."""
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
    events: list[Event] = subject.apply(work[0], 0)
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


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, nargs="+", default=[1_000, 440_000])
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    heads = ("points", "load", "samples/s", "bare compare/s", "ratio", "events", "bytes/point")
    print("{:>8} {:>10} {:>12} {:>15} {:>6} {:>9} {:>12}".format(*heads))
    for points in given.points:
        plan = plan_of(points)
        size = memory(plan)
        for name, share in (("quiet", 0.0), ("5 % flood", SHARE)):
            work = batches(points, 6 if points > 100_000 else 60, share=share)
            floor = bare(points, work, given.seconds / 3)
            rate, events = engine(plan, work, given.seconds)
            print(f"{points:8,} {name:>10} {rate:12,.0f} {floor:15,.0f} {rate / floor:6.2f} {events:9,} {size:12,.0f}")


if __name__ == "__main__":
    main()
