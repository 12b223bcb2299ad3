"""Clocks that step, are smeared, or say a second twice: delays last as long as they should, no time runs backwards."""

from __future__ import annotations

from itertools import pairwise

import pytest

from alerting.engine import Engine
from alerting.events import Ev, Event
from line.clock import SLEW_PER_S_MS, slewed
from line.messages import Tick
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings
from tests.unit.alerting.histories import Sample, batch

START = 1_767_225_600_000  # our own clock when the run begins
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
DELAY = 60 * SECOND
LENGTH = 40 * 60  # seconds of a run
RISES, FALLS = 20 * 60, 30 * 60
STEPS = [-DAY, -10 * MINUTE, -SECOND, SECOND, 10 * MINUTE, DAY]


def engine() -> Engine:
    alarm = AlarmSettings(80.0, deadband=2.0, on_delay_ms=DELAY, off_delay_ms=DELAY)
    point = PointSettings(0, "E1", "S1", "T", stale_ms=30 * SECOND, alarms={"H": alarm})
    return Engine(Plan(1, (point,), gateways=(GatewaySettings(0, "E1", "G0"),)))


def value(second: int) -> float:
    return 90.0 if RISES <= second < FALLS else 50.0


def run(ours: list[int], theirs: list[int]) -> list[tuple[int, Event]]:
    """A reading each second and a tick whenever one is due; each event with the true second in which it was said."""
    subject, said = engine(), []
    for second, (at, t) in enumerate(zip(ours, theirs, strict=True)):
        while (wake := subject.next_wake()) is not None and wake <= at:
            said += [(second, event) for event in subject.apply(Tick(wake), wake)]
        sample = Sample(0, t, value(second), 192, at, hash=second + 1)
        said += [(second, event) for event in subject.apply(batch([sample]), at)]
    return said


def steady(wall: list[int]) -> list[int]:
    """What our clock makes of a wall clock, looked at each second, as `SteadyClock.steer` does."""
    offset, made = wall[0], []
    for second, shown in enumerate(wall):
        now = second * SECOND + offset
        made.append(now)
        offset += slewed(shown - now)
    return made


def stepped(by: int, at: int) -> list[int]:
    return [START + second * SECOND + (by if second >= at else 0) for second in range(LENGTH)]


TRUE = [START + second * SECOND for second in range(LENGTH)]
USUAL = [(RISES + 60, Ev.ACTIVE), (FALLS + 60, Ev.RTN)]


def moments(said: list[tuple[int, Event]]) -> list[tuple[int, Ev]]:
    return [(second, event.ev) for second, event in said]


def test_with_good_clocks_a_delay_lasts_as_long_as_it_should() -> None:
    assert moments(run(TRUE, TRUE)) == USUAL


@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("at", [RISES - 5, RISES + 30, FALLS + 30])
def test_a_step_of_our_wall_clock_moves_no_alarm_by_more_than_a_scan(by: int, at: int) -> None:
    ours = steady(stepped(by, at))
    assert all(SECOND - SLEW_PER_S_MS <= b - a <= SECOND + SLEW_PER_S_MS for a, b in pairwise(ours))
    said = run(ours, TRUE)
    assert [ev for _, ev in moments(said)] == [ev for _, ev in USUAL]
    for (second, _), (expected, _) in zip(moments(said), USUAL, strict=True):
        assert abs(second - expected) <= 1
    assert [event.t for _, event in said] == [START + second * SECOND for second, _ in USUAL], "by the plant's own time"


@pytest.mark.parametrize("by", [-SECOND, -1, 1, SECOND])
@pytest.mark.parametrize("at", [RISES - 5, RISES, RISES + 30, FALLS, FALLS + 30])
def test_a_second_that_a_gateway_says_twice_or_leaves_out_moves_no_alarm_by_more_than_that(by: int, at: int) -> None:
    said = run(TRUE, stepped(by, at))
    raised, returned = (event for _, event in said if event.ev in (Ev.ACTIVE, Ev.RTN))
    assert [second for second, event in said if event.ev is Ev.ACTIVE] == pytest.approx([RISES + 60], abs=1)
    assert [second for second, event in said if event.ev is Ev.RTN] == pytest.approx([FALLS + 60], abs=1)
    assert raised.since is not None
    assert raised.since <= raised.t < returned.t, "no duration is negative"


def test_a_smeared_leap_second_moves_nothing() -> None:
    smeared = [t + round(SECOND * min(second / LENGTH, 1)) for second, t in enumerate(TRUE)]
    for ours, theirs in ((smeared, smeared), (TRUE, smeared), (smeared, TRUE)):
        assert moments(run(ours, theirs)) == USUAL


@pytest.mark.parametrize("by", [10 * MINUTE, DAY])
def test_a_gateway_that_falls_behind_is_late_and_does_not_silence_what_is_true_now(by: int) -> None:
    """Its times step back while the value stays high: what was pending still comes true."""
    said = run(TRUE, stepped(-by, RISES + 30))
    live = [second for second, event in said if event.ev is Ev.ACTIVE and not event.late]
    assert live == pytest.approx([RISES + 60], abs=1)
    assert not [event for _, event in said if event.late and event.ann], "what it says of the past pages nobody"
    for _, event in said:
        if event.since is not None:
            assert event.since <= event.t
