"""At the edges of a window, and of what a rule waits for."""

from __future__ import annotations

import numpy as np

from alerting.engine import Engine
from alerting.engine.detectors.inputs import Inputs
from alerting.engine.detectors.rate import Rate
from alerting.engine.points import BAD, GOOD
from alerting.events import Ev
from alerting.replay import readings_batch
from registry.alarms import AlarmSettings, Plan, PointSettings, RuleSettings

SECOND = 1_000


def test_a_sample_as_old_as_the_window_is_out_of_it() -> None:
    params = {"window_s": 60.0, "fall": 10.0, "min_span_s": 10.0}
    rate = Rate(RuleSettings(9, "E1", "S1", "R1", "RATE", {"value": 0}, params, AlarmSettings(1.0)))
    said = [rate.feed(0, t * SECOND, value, GOOD) for t, value in ((0, 500.0), (1, 50.0), (30, 50.0), (59, 50.0))]
    assert said[-1][0].value == 1, "the fall from 500 is in the last minute"
    ((t, value, _, slope),) = rate.feed(0, 60 * SECOND, 50.0, GOOD)
    assert (t, value, slope) == (60 * SECOND, 0, 0), "(0 s, 60 s] begins after it"


def test_an_input_that_is_lost_holds_up_nobody() -> None:
    inputs = Inputs.of(2)
    assert inputs.take(0, 10 * SECOND, 1.0, GOOD) == []
    assert [entry.t for entry in inputs.take(1, 5 * SECOND, 1.0, GOOD)] == [5 * SECOND], "the slower one sets the pace"
    assert [entry.t for entry in inputs.take(1, 6 * SECOND, 0.0, BAD)] == [6 * SECOND, 10 * SECOND]
    assert [entry.t for entry in inputs.take(0, 20 * SECOND, 1.0, GOOD)] == [20 * SECOND]


def test_a_sample_at_which_a_delay_ends_raises_at_once_also_among_hundreds() -> None:
    points, delay = 200, 5 * SECOND
    alarm = AlarmSettings(80.0, on_delay_ms=delay)
    for after in (0, 1):
        engine = Engine(
            Plan(1, tuple(PointSettings(n, "E1", "S1", f"T{n}", alarms={"H": alarm}) for n in range(points)))
        )
        for t, raised in ((100 * SECOND, 0), (100 * SECOND + delay - 1, 0), (100 * SECOND + delay + after, points)):
            events = engine.apply(
                readings_batch(
                    gateways=np.full(1, -1, np.int32), at_ms=np.array([t], np.int64),
                    message=np.zeros(points, np.int32), points=np.arange(points, dtype=np.int32),
                    t_ms=np.full(points, t, np.int64), values=np.full(points, 90.0),
                    qualities=np.full(points, 192, np.uint8),
                ),
                t,
            )  # fmt: skip
            assert [(event.ev, event.t) for event in events] == [(Ev.ACTIVE, 100 * SECOND + delay)] * raised
