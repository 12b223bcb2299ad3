"""The engine as its role uses it: late excursions, drills, plans that change, snapshots, odd input, commands."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import msgspec
import numpy as np
import pytest

from alerting.engine import Engine, SnapshotError, alarm_id
from alerting.events import Ev, Event
from line.messages import Batch, Command, RegistryChange, Tick
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings
from tests.unit.alerting.histories import Sample, batch

H = AlarmSettings(80.0, deadband=2.0)
MINUTE = 60_000


def plan(version: int = 1, source_clock: bool = False, **points: dict[str, Any]) -> Plan:
    """Points by tag, in the order of their ids from 0, each with what differs from a plain H at 80."""
    chosen = points or {"P0": {}}
    return Plan(
        version,
        tuple(
            msgspec.structs.replace(
                PointSettings(id=number, enterprise="E1", source="S1", tag=tag, unit="m", alarms={"H": H}), **changes
            )
            for number, (tag, changes) in enumerate(chosen.items())
        ),
        gateways=(GatewaySettings(0, "E1", "G0", source_clock=source_clock), GatewaySettings(1, "E1", "G1")),
    )


def s(t: int, v: float, *, at: int | None = None, point: int = 0, q: int = 192, gateway: int = 0) -> Sample:
    return Sample(point, t, v, q, t if at is None else at, gateway)


def fed(engine: Engine, *samples: Sample) -> list[Event]:
    return [event for sample in samples for event in engine.apply(batch([sample]), sample.at)]


def short(events: list[Event]) -> list[tuple[str, str, int]]:
    return [(event.alarm, event.ev.value, event.t) for event in events]


def command(cmd: str, **given: Any) -> Command:
    fields = {"id": "c1", "enterprise": "E1", "tag": "P0", "alarm": "H", "user": "op", "at_ms": 0, **given}
    return Command(cmd=cmd, **fields)


# R15: excursions while offline.


def test_a_late_raise_is_annunciated_only_when_it_is_still_active_ten_seconds_later() -> None:
    engine = Engine(plan())
    (late,) = fed(engine, s(0, 50), s(1_000, 81, at=40_000))
    assert (late.ann, late.late, late.state, late.occ) == (False, True, "UNACK", 1)
    assert engine.next_wake() == 50_001
    assert engine.advance(50_000) == []
    (again,) = engine.advance(50_001)
    assert (again.ev, again.ann, again.late, again.occ, again.t) == (Ev.REALARM, True, True, 1, 11_000)
    assert again.alarm_id == late.alarm_id
    assert engine.next_wake() is None


def test_the_late_sample_once_more_moves_nothing_not_even_its_annunciation() -> None:
    engine = Engine(plan())
    fed(engine, s(0, 50), s(1_000, 81, at=40_000))
    assert fed(engine, s(1_000, 81, at=60_000)) == []
    assert [e.ev for e in engine.advance(60_000)] == [Ev.REALARM]


def test_a_late_raise_that_returns_at_once_owes_an_acknowledgement_and_makes_no_sound() -> None:
    engine = Engine(plan())
    events = fed(engine, s(0, 50), s(1_000, 81, at=40_000), s(2_000, 50, at=40_001))
    assert [(e.ev, e.ann, e.late, e.state) for e in events] == [
        (Ev.ACTIVE, False, True, "UNACK"),
        (Ev.RTN, None, True, "RTNUN"),
    ]
    assert engine.advance(100_000) == []
    assert engine.apply(command("ACK"), 100_000)[0].state == "NORM"


def test_a_late_raise_that_somebody_has_seen_or_shelved_is_not_annunciated() -> None:
    for asked in (command("ACK"), command("SHELVE", until=90_000, reason="x"), command("SUPPRESS", on=True)):
        engine = Engine(plan())
        fed(engine, s(0, 50), s(1_000, 81, at=40_000))
        engine.apply(asked, 41_000)
        assert engine.advance(60_000) == []


def test_a_feed_that_always_runs_behind_is_not_late() -> None:
    engine = Engine(plan())
    day = 86_400_000
    (event,) = fed(engine, s(0, 50, at=day), s(1_000, 81, at=day + 31_000))
    assert (event.ann, event.late) == (True, False)


def test_the_usual_delay_is_forgotten_after_ten_minutes() -> None:
    behind = 40_000
    for messages, late in ((10, True), (12, False)):  # a message a minute, from the second on always 40 s behind
        engine = Engine(plan())
        feed = [s(n * MINUTE, 50, at=n * MINUTE + behind * (n > 0)) for n in range(messages)]
        (event,) = fed(engine, *feed, s(messages * MINUTE, 81, at=messages * MINUTE + behind))
        assert event.late is late


def test_what_was_usual_before_an_outage_is_usual_after_it() -> None:
    engine = Engine(plan())
    fed(engine, s(0, 50))
    day = 24 * 60 * MINUTE
    events = fed(engine, s(MINUTE, 81, at=day), s(2 * MINUTE, 50, at=day + 1))  # a backlog, oldest first
    assert [(e.ev, e.late, e.ann) for e in events] == [(Ev.ACTIVE, True, False), (Ev.RTN, True, None)]


def test_readings_of_the_platform_itself_and_of_unknown_gateways_are_never_late() -> None:
    for gateway in (-1, 77):
        engine = Engine(plan())
        assert not fed(engine, s(0, 50, gateway=gateway), s(1_000, 81, at=90_000, gateway=gateway))[0].late


def test_in_replay_every_older_sample_makes_an_event() -> None:
    each = Engine(plan(), per_sample_late=True)
    backlog = [s(t, v, at=10_000) for t, v in ((1, 70), (2, 81), (3, 85))]
    assert [e.ev.value for e in fed(each, s(9_000, 50), *backlog)] == ["LATE", "LATE_VIOLATION", "LATE_VIOLATION"]


# R15: a gateway whose clock is its source's.


def drill(**changes: Any) -> Engine:
    return Engine(plan(source_clock=True, P0={"exercise": True, **changes}, P1={"exercise": True, **changes}))


def test_on_a_source_clock_time_moves_with_the_samples_of_the_gateway_alone() -> None:
    delayed = msgspec.structs.replace(H, on_delay_ms=5_000)
    engine = drill(alarms={"H": delayed}, timer_lag_ms=1_000)
    year_2005 = 1_134_259_200_000
    assert fed(engine, s(year_2005, 81, at=10**12)) == []
    assert engine.advance(10**12 + 9_000) == []  # our clock moves nothing
    assert fed(engine, s(year_2005 + 6_000, 50, at=10**12 + 9_100, point=1)) == []
    (raised,) = fed(engine, s(year_2005 + 6_001, 50, at=10**12 + 9_200, point=1))
    assert (raised.tag, raised.t, raised.exercise, raised.late) == ("P0", year_2005 + 5_000, True, False)


def test_ten_seconds_after_the_last_message_of_a_drill_what_is_pending_comes_true() -> None:
    delayed = msgspec.structs.replace(H, on_delay_ms=60_000)
    engine = drill(alarms={"H": delayed}, stale_ms=20_000)
    fed(engine, s(0, 81, at=10**9))
    assert engine.next_wake() == 10**9 + 10_001
    assert engine.advance(10**9 + 10_000) == []
    assert short(engine.advance(10**9 + 10_001)) == [("POINT", "STALE", 20_000), ("H", "ACTIVE", 60_000)]
    assert engine.next_wake() is None
    # and so it does when the next message is the first to show how late it is
    engine = drill(alarms={"H": delayed})
    fed(engine, s(0, 81, at=10**9))
    assert short(fed(engine, s(1_000, 50, at=10**9 + 10_001))) == [("H", "ACTIVE", 60_000), ("H", "RTN", 60_000)]


def test_a_command_in_a_drill_acts_at_the_drills_own_time() -> None:
    engine = drill()
    fed(engine, s(5_000, 81, at=10**9))
    (ack,) = engine.apply(command("ACK"), 10**9 + 7_000)
    assert (ack.t, ack.at, ack.user, ack.command) == (5_000, 0, "op", "c1")
    (shelved,) = engine.apply(command("SHELVE", reason="x", until=10**9 + 8_000 + MINUTE), 10**9 + 8_000)
    assert (shelved.until, shelved.t) == (10**9 + 8_000 + MINUTE, 5_000)
    assert short(fed(engine, s(5_001 + MINUTE, 82, at=10**9 + 9_000))) == [("H", "UNSHELVED", 5_000 + MINUTE)]


def test_a_point_that_a_live_gateway_feeds_again_runs_on_our_clock_again() -> None:
    engine = drill(stale_ms=20_000)
    fed(engine, s(0, 50, at=10**9), s(1_000, 50, at=10**9 + 1, gateway=1))
    assert engine.next_wake() == 10**9 + 10_001  # the drill's
    assert engine.advance(10**9 + 10_001) == []
    assert engine.next_wake() == 10**9 + 1 + 20_001
    assert short(engine.advance(10**9 + 20_002)) == [("POINT", "STALE", 21_000)]


# Plans that change.


def test_a_new_version_acts_at_the_points_own_now_and_keeps_what_people_did() -> None:
    engine = Engine(plan(P0={}, P1={}))
    fed(engine, s(0, 79, at=20_000), s(0, 85, at=20_000, point=1))
    engine.apply(command("ACK", tag="P1"), 21_000)
    lower = {"alarms": {"H": msgspec.structs.replace(H, limit=75.0)}}
    events = engine.change(plan(2, P0=lower, P1=lower), 22_000)
    assert short(events) == [("H", "CONFIG", 2_000), ("H", "ACTIVE", 2_000), ("H", "CONFIG", 2_000)]
    assert engine.states(1) == {"H": "ACKED"}
    assert engine.version == 2
    assert engine.change(plan(3, P0=lower, P1=lower), 23_000) == []


def test_what_is_retired_ends_with_a_word_and_its_row_serves_again() -> None:
    engine = Engine(plan(P0={}, P1={}))
    fed(engine, s(0, 81), s(0, 81, point=1))
    events = engine.change(plan(2, P0={}), 5_000)
    assert [(e.tag, e.ev, e.why, e.state, e.t) for e in events] == [("P1", Ev.CONFIG, "retired", "NORM", 5_000)]
    assert engine.states(1) == {}
    assert fed(engine, s(6_000, 50, point=1)) == []
    assert engine.counters.unknown == 1
    back = engine.change(plan(3, P0={}, P1={}), 7_000)
    assert back == []
    assert engine.states(1) == {"H": "NORM"}
    (again,) = fed(engine, s(8_000, 81, point=1))
    assert again.occ == 1


def test_a_level_that_comes_or_goes() -> None:
    both = {"alarms": {"H": H, "HH": AlarmSettings(90.0)}}
    engine = Engine(plan(P0={"alarms": {"HH": AlarmSettings(90.0)}}))
    fed(engine, s(0, 95))
    events = engine.change(plan(2, P0=both), 1_000)
    assert short(events) == [("H", "CONFIG", 1_000), ("H", "ACTIVE", 1_000)]
    assert events[1].ann is False  # a visible HH is active
    gone = engine.change(plan(3, P0={}), 2_000)
    assert [(e.alarm, e.ev, e.why) for e in gone] == [("HH", Ev.CONFIG, "retired")]
    assert engine.states(0) == {"H": "UNACK"}
    assert [event.alarm for event in engine.standing()] == ["H"]


def test_a_changed_delay_counts_from_the_beginning_but_nothing_falls_due_in_the_past() -> None:
    slow = {"alarms": {"H": msgspec.structs.replace(H, on_delay_ms=60_000)}}
    engine = Engine(plan(P0=slow))
    fed(engine, s(0, 81))
    quick = {"alarms": {"H": msgspec.structs.replace(H, on_delay_ms=5_000)}}
    events = engine.change(plan(2, P0=quick), 20_000)
    assert short(events) == [("H", "CONFIG", 20_000), ("H", "ACTIVE", 20_000)]
    assert events[1].since == 0


def test_settings_of_the_signal_change_without_a_word() -> None:
    engine = Engine(plan(P0={"reorder_ms": 2_000}))
    fed(engine, s(0, 50), s(1_000, 81))
    events = engine.change(plan(2, P0={"stale_ms": 5_000, "unit": "cm"}), 1_500)
    assert short(events) == [("H", "ACTIVE", 1_000)]  # the buffer is emptied
    assert engine.next_wake() == 6_001
    assert engine.advance(6_001)[0].unit == "cm"


def test_the_announcement_of_a_version_moves_nothing_by_itself() -> None:
    assert Engine(plan()).apply(RegistryChange(2, 5), 5) == []


# Snapshots.


def test_a_damaged_snapshot_is_refused() -> None:
    engine = Engine(plan())
    fed(engine, s(0, 81))
    data = engine.snapshot()
    for place in range(0, len(data), max(1, len(data) // 60)):
        with pytest.raises(SnapshotError):
            Engine.restore(data[:place])
        with pytest.raises(SnapshotError):
            Engine.restore(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with pytest.raises(SnapshotError, match="not 9"):
        Engine.restore(data, plan(9))
    assert Engine.restore(data, plan(1)).snapshot() == data


def test_what_a_snapshot_holds_is_all_there_is() -> None:
    engine = Engine(plan(P0={"stale_ms": 5_000}, P1={"reorder_ms": 1_000}))
    message = replace(batch([s(0, 81), s(10, 50, point=1)]), hashes=np.array([7, 8], np.uint64))
    engine.apply(message, 10)
    again = Engine.restore(engine.snapshot())
    assert again.apply(message, 20) == []
    assert again.counters.repeats == 2
    assert again.standing() == engine.standing()
    assert again.next_wake() == engine.next_wake()
    assert np.array_equal(again.latest().values, engine.latest().values)


# Odd input harms nobody.


def test_readings_that_cannot_be_are_counted_and_change_nothing() -> None:
    engine = Engine(plan())
    odd = batch([s(0, 81, point=-1), s(0, 81, point=5), s(2**60, 81), s(-(2**60), 81), s(0, 50), s(1, 90, at=2**61)])
    assert engine.apply(odd, 0) == []
    assert (engine.counters.unknown, engine.counters.impossible) == (2, 3)
    lost = replace(batch([s(1, 81), s(2, 81)]), message=np.array([-1, 2], np.int32))
    assert engine.apply(lost, 0) == []
    assert engine.counters.impossible == 5
    assert short(fed(engine, s(1_000, 81))) == [("H", "ACTIVE", 1_000)]
    assert engine.apply(batch([]), 0) == []
    assert Engine(Plan(1)).apply(odd, 0) == []


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_no_number_clears_nothing(value: float) -> None:
    engine = Engine(plan())
    fed(engine, s(0, 81))
    assert short(fed(engine, s(1, value), s(2, value))) == [("POINT", "BAD", 1)]
    assert engine.states(0) == {"H": "UNACK"}


def test_a_quality_that_is_none_of_the_three_is_bad() -> None:
    engine = Engine(plan())
    assert [e.ev for e in fed(engine, s(0, 81, q=100))] == [Ev.BAD]


# Repeats.


def test_the_newest_8192_messages_are_known_again_and_a_message_without_time_never() -> None:
    engine = Engine(plan())

    def message(number: int, t: int) -> Batch:
        return replace(batch([s(t, 50)]), hashes=np.array([number], np.uint64))

    for number in range(1, 8_194):
        engine.apply(message(number, number), number)
    assert engine.counters.samples == 8_193
    engine.apply(message(8_193, 9_000), 9_000)
    engine.apply(message(2, 9_001), 9_001)
    assert (engine.counters.repeats, engine.counters.samples) == (2, 8_193)
    engine.apply(message(1, 9_002), 9_002)  # forgotten
    engine.apply(message(0, 9_003), 9_003)
    engine.apply(message(0, 9_004), 9_004)
    assert (engine.counters.repeats, engine.counters.samples) == (2, 8_196)
    twice = replace(batch([s(9_005, 50), s(9_006, 50)]), hashes=np.array([5, 5], np.uint64))
    restored = Engine.restore(engine.snapshot())
    restored.apply(twice, 9_006)
    assert restored.counters.repeats == 4


# Commands.


@pytest.mark.parametrize(
    ("state", "asked", "reason"),
    [
        ("NORM", command("ACK"), "nothing_to_ack"),
        ("UNACK", command("ACK", occ=7), "stale_occurrence"),
        ("ACKED", command("ACK"), "nothing_to_ack"),
        ("NORM", command("RESET"), "not_resettable"),
        ("NORM", command("UNSHELVE"), "not_shelved"),
        ("NORM", command("SHELVE", until=10**6), "reason_required"),
        ("NORM", command("SHELVE", until=10**6, reason=" "), "reason_required"),
        ("NORM", command("SHELVE", reason="x"), "duration"),
        ("NORM", command("SHELVE", reason="x", until=1_000), "duration"),
        ("NORM", command("SHELVE", reason="x", until=1_001 + 43_200_000), "duration"),
        ("NORM", command("OOS", on=True), "permit_required"),
        ("NORM", command("OOS", on=False), "not_out_of_service"),
        ("NORM", command("SUPPRESS", on=None), "not_suppressed"),
        ("NORM", command("SET", values={"limit": nan}), "invalid_config"),
        ("NORM", command("SET", values={"limit": "high"}), "invalid_config"),
        ("NORM", command("SET", values={"colour": 1}), "invalid_config"),
        ("NORM", command("SET"), "invalid_config"),
        ("NORM", command("SET", values={"deadband": -1.0}), "invalid_config"),
        ("NORM", command("DANCE"), "unknown_command"),
        ("NORM", command("ACK", alarm="LL"), "unknown_alarm"),
        ("NORM", command("ACK", tag="P9"), "unknown_alarm"),
        ("NORM", command("ACK", enterprise="E9"), "unknown_alarm"),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(state: str, asked: Command, reason: str) -> None:
    engine = Engine(plan())
    if state != "NORM":
        fed(engine, s(0, 81))
    if state == "ACKED":
        engine.apply(command("ACK"), 500)
    (event,) = engine.apply(asked, 1_000)
    assert (event.ev, event.reason, event.command, event.cmd) == (Ev.REJECT, reason, "c1", asked.cmd)
    assert engine.states(0) == {"H": state}
    assert engine.counters.rejected == 1


def test_an_alarm_that_may_not_be_shelved() -> None:
    engine = Engine(plan(P0={"alarms": {"H": msgspec.structs.replace(H, shelvable=False)}}))
    (event,) = engine.apply(command("SHELVE", reason="x", until=5_000), 0)
    assert event.reason == "not_shelvable"


def test_a_comment_is_kept_and_changes_nothing() -> None:
    engine = Engine(plan())
    (raised,) = fed(engine, s(0, 81))
    (event,) = engine.apply(command("COMMENT", comment="seen from the bridge", at_ms=99), 5_000)
    assert (event.ev, event.comment, event.at, event.t, event.state) == (
        Ev.COMMENT, "seen from the bridge", 99, 5_000, "UNACK",
    )  # fmt: skip
    assert event.alarm_id == raised.alarm_id
    assert engine.standing() == [raised]


def test_an_acknowledgement_owed_from_before_a_suppression_can_be_given_and_comes_back_otherwise() -> None:
    engine = Engine(plan())
    fed(engine, s(0, 81))
    engine.apply(command("SUPPRESS", on=True), 500)
    fed(engine, s(1_000, 50))
    assert [e.state for e in engine.apply(command("SUPPRESS", on=False), 2_000)] == ["RTNUN"]
    engine.apply(command("SUPPRESS", on=True), 3_000)
    assert [(e.ev, e.state) for e in engine.apply(command("ACK"), 3_500)] == [(Ev.ACK, "DSUPR")]
    assert [(e.state, e.ann) for e in engine.apply(command("SUPPRESS", on=False), 4_000)] == [("NORM", False)]


def test_what_happened_under_an_overlay_owes_nothing() -> None:
    engine = Engine(plan())
    engine.apply(command("OOS", on=True, permit="PTW"), 0)
    fed(engine, s(1_000, 81), s(2_000, 50))
    assert [(e.state, e.ann) for e in engine.apply(command("OOS", on=False), 3_000)] == [("NORM", False)]


def test_a_latched_alarm_comes_back_from_an_overlay_with_a_sound() -> None:
    engine = Engine(plan(P0={"alarms": {"H": msgspec.structs.replace(H, latch=True)}}))
    engine.apply(command("SHELVE", reason="x", until=9_000), 0)
    fed(engine, s(1_000, 81), s(2_000, 50))
    assert [e.reason for e in engine.apply(command("RESET"), 3_000)] == ["not_resettable"]
    (event,) = engine.advance(9_001)
    assert (event.ev, event.state, event.ann, event.t) == (Ev.UNSHELVED, "LATUN", True, 9_000)


# What it knows.


def test_the_id_of_an_occurrence_is_of_its_content_alone() -> None:
    engine = Engine(plan())
    first, _, second = fed(engine, s(0, 81), s(0, 50), s(0, 82))
    assert first.alarm_id == alarm_id("E1", "P0", "H", 0, 1)
    assert second.alarm_id == alarm_id("E1", "P0", "H", 0, 2)
    other = Engine(plan())
    fed(other, s(-9, 81), s(-8, 50))
    assert fed(other, s(0, 81))[0].alarm_id == first.alarm_id


def test_latest_holds_what_a_screen_begins_with() -> None:
    engine = Engine(plan(P0={"stale_ms": 1_000}, P1={}, P2={}))
    fed(engine, s(0, 50, at=100), s(0, 60, point=1, q=64), s(5, nan, point=1))
    engine.advance(5_000)
    latest = engine.latest()
    assert latest.points.tolist() == [0, 1]
    assert latest.values.tolist() == [50, 60]
    assert latest.qualities.tolist() == [192, 0]
    assert latest.stale.tolist() == [True, False]
    assert (latest.t_ms.tolist(), latest.at_ms.tolist()) == ([0, 5], [100, 5])


def test_events_of_a_tick_come_in_order_of_their_time() -> None:
    slow, quick = (msgspec.structs.replace(H, on_delay_ms=delay) for delay in (9_000, 3_000))
    engine = Engine(plan(P0={"alarms": {"H": slow}}, P1={"alarms": {"H": quick}}))
    fed(engine, s(0, 81), s(0, 81, point=1))
    assert engine.next_wake() == 3_001
    assert [(e.tag, e.t) for e in engine.apply(Tick(60_000), 60_000)] == [("P1", 3_000), ("P0", 9_000)]


def test_an_event_carries_what_a_screen_shows() -> None:
    engine = Engine(plan())
    (event,) = fed(engine, s(1_000, 81.5, at=1_050, q=64))
    assert (event.value, event.limit, event.unit, event.priority, event.received_at, event.q) == (
        81.5, 80.0, "m", 3, 1_050, "U",
    )  # fmt: skip
    assert (event.enterprise, event.source, event.tag) == ("E1", "S1", "P0")
