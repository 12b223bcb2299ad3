"""Readings that were refused when they came and are put right now: late as they are old, whoever sent them (R15)."""

from __future__ import annotations

from dataclasses import replace

from alerting.engine import Engine
from alerting.events import Event
from tests.unit.alerting.histories import Sample, batch
from tests.unit.alerting.test_engine import fed, plan, s, short

NOW, HOUR = 100_000_000, 3_600_000


def replayed(engine: Engine, *samples: Sample) -> list[Event]:
    return [event for one in samples for event in engine.apply(replace(batch([one]), replayed=True), one.at)]


def test_of_a_gateway_that_nobody_ever_heard_nothing_rings_as_now() -> None:
    engine = Engine(plan())
    old = NOW - 5 * HOUR
    events = replayed(engine, s(old, 50, at=NOW), s(old + 60_000, 85, at=NOW), s(old + 120_000, 50, at=NOW))
    assert short(events) == [("H", "ACTIVE", old + 60_000), ("H", "RTN", old + 120_000)]
    assert {(event.late, bool(event.ann)) for event in events} == {(True, False)}
    told_live = Engine(plan())
    assert fed(told_live, s(old, 50, at=NOW), s(old + 60_000, 85, at=NOW))[0].ann, "without the mark it would ring"


def test_the_usual_delay_of_its_gateway_stays_what_it_was() -> None:
    engine = Engine(plan(P0={}, P1={}))
    fed(engine, s(NOW - 20_000, 50, at=NOW))
    replayed(engine, s(NOW - HOUR, 85, at=NOW + 1, point=1))
    (event,) = fed(engine, s(NOW - 15_000, 85, at=NOW + 5_000))
    assert not event.late
    assert event.ann
