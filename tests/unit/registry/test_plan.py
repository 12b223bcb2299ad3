"""A site to the engine's settings, with the defaults of each kind."""

from __future__ import annotations

import pytest

from registry.alarms import AlarmSettings, PointSettings, refusal
from registry.plan import compile_plan
from registry.platform import WATCHES
from registry.site import Site
from tests.unit.registry.sites import small_site, with_files


def point(row: str, columns: str = "ll,l,h,hh") -> PointSettings:
    """The settings of one tag of the small site, given the cells after its code."""
    site = with_files(
        small_site(), tags=f"enterprise,source,tag,kind,unit,range_lo,range_hi,period_s,{columns}\nE,S,T,{row}\n"
    ).site
    (found,) = (point for point in compile_plan(site).points if point.enterprise == "E" and point.tag == "T")
    assert found.id == site.tags["E/T"].id
    assert refusal(found) is None
    return found


def brief(point: PointSettings, level: str) -> tuple[int, float, int, int, bool, bool, int | None]:
    alarm = point.alarms[level]
    return (
        alarm.priority,
        alarm.deadband,
        alarm.on_delay_ms,
        alarm.off_delay_ms,
        alarm.latch,
        alarm.ack_rtn,
        alarm.realarm_ms,
    )


OFF, TEN_MIN, HALF_HOUR = None, 600_000, 1_800_000


@pytest.mark.parametrize(
    ("row", "level", "expected"),
    [
        ("level,m,0,10,5,1,2,8,9", "H", (3, 0.5, 60_000, 0, False, True, OFF)),
        ("level,m,0,10,5,1,2,8,9", "HH", (2, 0.5, 60_000, 0, False, True, HALF_HOUR)),
        ("level,m,0,10,5,1,2,8,9", "L", (3, 0.5, 60_000, 0, False, True, OFF)),
        ("level,m,0,10,5,1,2,8,9", "LL", (2, 0.5, 60_000, 0, False, True, HALF_HOUR)),
        ("flow,m3/h,0,1000,5,,,900,", "H", (3, 50.0, 15_000, 0, False, True, OFF)),
        ("pressure,MPa,0,2,5,,,1,", "H", (3, 0.04, 15_000, 0, False, True, OFF)),
        ("temperature,°C,-20,80,5,,,60,", "H", (3, 1.0, 60_000, 0, False, True, OFF)),
        ("gas_combustible,%LEL,,,1,,,25,50", "H", (2, 2.0, 2_000, 30_000, False, True, HALF_HOUR)),
        ("gas_combustible,%LEL,,,1,,,25,50", "HH", (1, 2.0, 0, 30_000, True, True, TEN_MIN)),
        ("gas_toxic,% OEL,,,1,,,100,200", "H", (2, 6.0, 2_000, 30_000, False, True, HALF_HOUR)),
        ("gas_toxic,ppm,0,10,1,,,1,2", "HH", (1, 0.2, 0, 30_000, True, True, TEN_MIN)),
        ("oxygen,%VOL,,,1,,19.5,23.5,", "L", (1, 0.6, 2_000, 30_000, False, True, TEN_MIN)),
        ("displacement,mm,,,60,,,20,30", "HH", (2, 0.0, 0, 0, False, True, HALF_HOUR)),
        ("discrete,,,,1,,,0.5,", "H", (3, 0.0, 0, 0, False, True, OFF)),
    ],
)
def test_empty_cells_take_the_defaults_of_the_kind(row: str, level: str, expected: tuple[object, ...]) -> None:
    assert brief(point(row), level) == pytest.approx(expected)


def test_a_tags_cells_hold_for_all_levels_and_a_levels_for_one() -> None:
    columns = "h,hh,deadband,on_delay_s,off_delay_s,latch,ack_on_return,priority,on_bad,hh_priority,h_latch,hh_on_bad"
    found = point("gas_toxic,ppm,0,10,1,1,2,0.1,3.5,4,false,false,3,alarm,1,true,hold", columns)
    assert brief(found, "H") == (3, 0.1, 3_500, 4_000, True, False, OFF)
    assert brief(found, "HH") == (1, 0.1, 3_500, 4_000, False, False, TEN_MIN)
    assert (found.alarms["H"].on_bad, found.alarms["HH"].on_bad) == ("alarm", "hold")


def test_a_low_priority_owes_no_acknowledgement_after_its_return() -> None:
    assert not point("other,x,,,60,9,4", "h,priority").alarms["H"].ack_rtn


@pytest.mark.parametrize(
    ("row", "stale_ms"), [("other,x,,,1,", 5_000), ("other,x,,,60,", 180_000), ("other,x,,,60,2", 2_000)]
)
def test_a_tag_is_stale_after_three_periods_and_at_least_5_s(row: str, stale_ms: int) -> None:
    assert point(row, "stale_s").stale_ms == stale_ms


def test_the_platform_has_no_future_limit_and_a_lag_of_1_s() -> None:
    plan = compile_plan(small_site())
    assert {point.max_future_ms for point in plan.points} == {None}
    assert {point.timer_lag_ms for point in plan.points} == {1_000}
    assert {point.max_future_ms for point in compile_plan(small_site(), max_future_ms=10_000).points} == {10_000}


def test_rules_name_their_inputs_by_id_and_exercises_are_marked() -> None:
    site = small_site()
    plan = compile_plan(site)
    (rule,) = plan.rules
    assert rule.inputs == {"flow": site.tags["E/S.FI"].id, "level": site.tags["E/S.LT"].id}
    assert rule.alarm == AlarmSettings(limit=1.0, priority=2, realarm_ms=HALF_HOUR)
    assert not rule.exercise
    assert {point.enterprise for point in plan.points if point.exercise} == {"X"}
    assert {gateway.enterprise for gateway in plan.gateways if gateway.source_clock} == {"X"}


def test_the_platform_watches_itself_and_every_gateway_with_alarms_like_all_others() -> None:
    plan = compile_plan(small_site())
    own = {point.tag: point for point in plan.points if point.enterprise == "platform"}
    assert set(own) == {watch.tag for watch in WATCHES}
    assert own["input-full"].alarms == {"H": AlarmSettings(limit=0.5, priority=1, realarm_ms=TEN_MIN)}
    assert own["input-full"].stale_ms is None
    of_gateways = {(point.enterprise, point.tag) for point in plan.points if point.source == "platform"}
    assert {("E", "platform.offline.GW1"), ("X", "platform.clock.GW1")} <= of_gateways
    ids = [point.id for point in plan.points] + [rule.id for rule in plan.rules]
    assert len(set(ids)) == len(ids)
    assert 0 not in ids


def test_an_empty_site_has_no_points_before_its_first_import() -> None:
    assert compile_plan(Site()).rules == ()
