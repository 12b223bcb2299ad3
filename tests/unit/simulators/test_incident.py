"""The accidents: every figure says where it comes from, and what comes of them is what the reports say."""

from __future__ import annotations

import math
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.incident import FOLDER, IncidentError, load, names, read
from simulators.plants import plant_of
from simulators.plants.tank import Tank
from simulators.playback import MOST_READINGS, paced, played
from simulators.tags import DEMO
from simulators.tags import read as read_tags


def run_to_the_end(dt_s: float) -> Tank:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    while tank.now < incident.ends:
        tank.step(dt_s)
    return tank


@pytest.mark.parametrize("name", names())
def test_every_figure_says_what_it_is_and_whether_it_was_published(name: str) -> None:
    figures = load(name).figures.values()
    assert all(figure.says and figure.marks for figure in figures)
    marks = [mark for figure in figures for mark in figure.marks]
    assert any(marks)
    assert not all(marks)


def test_an_unknown_accident_names_those_that_there_are() -> None:
    with pytest.raises(IncidentError, match="buncefield"):
        load("titanic")


@pytest.mark.parametrize(
    ("mark", "instead"),
    [('is = "published"\n', ""), ('is = "published"\n', 'is = "likely"\n'), ('at_is = "published"\n', "")],
    ids=["none", "another word", "one of two"],
)
def test_a_figure_without_a_mark_is_refused(tmp_path: Path, mark: str, instead: str) -> None:
    text = (FOLDER / "buncefield.toml").read_text()
    assert mark in text
    path = tmp_path / "faulty.toml"
    path.write_text(text.replace(mark, instead, 1))
    with pytest.raises(IncidentError, match="published or interpolated"):
        read(path)


PUBLISHED_OF_BUNCEFIELD = {
    "fill_m3h": (550, "19:00:00"),
    "stock_check": (None, "00:00:00"),
    "gauge_freezes": (None, "03:00:00"),
    "overflow_begins": (None, "05:20:00"),
    "gas_begins": (None, "05:38:00"),
    "cloud_depth_m": (2, "05:46:00"),
    "flow_rises": (None, "05:50:00"),
    "flow_risen_m3h": (890, "06:00:00"),
    "explosion": (None, "06:01:32"),
    "spilled_t": (300, None),
}


@pytest.mark.parametrize("name", PUBLISHED_OF_BUNCEFIELD)
def test_what_was_published_of_buncefield_is_in_the_file_and_marked(name: str) -> None:
    value, clock = PUBLISHED_OF_BUNCEFIELD[name]
    figure = load("buncefield").figures[name]
    assert (figure.value, f"{figure.at:%H:%M:%S}" if figure.at else None) == (value, clock)
    assert all(figure.marks)


def test_what_was_not_published_of_t2_is_not_marked_as_if_it_were() -> None:
    figures = load("t2-laboratories").figures
    invented = [figures[name] for name in ("mixer_on", "heater_off", "cooling_wanted", "disc_bursts")]
    assert not any(figure.at_published for figure in invented)
    assert all(figure.value_published for figure in invented)
    assert figures["burst"].at_published
    assert not figures["burst"].value_published


def test_buncefield_spills_what_the_report_says() -> None:
    assert 300 <= run_to_the_end(1.0).spilled_t <= 320


def test_the_spill_does_not_depend_on_the_step() -> None:
    assert run_to_the_end(1.0).spilled_t == pytest.approx(run_to_the_end(4.0).spilled_t, rel=0.01)


@given(st.lists(st.floats(0.1, 600), min_size=1, max_size=300))
def test_nothing_is_made_or_lost_in_the_tank_whatever_the_steps(steps_s: list[float]) -> None:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    tank.step((incident.at("overflow_begins") - incident.begins).total_seconds() - 600)
    flowed_in = tank.volume_m3 + tank.spilled_m3
    for dt_s in steps_s:
        before = tank.flow_m3h
        tank.step(dt_s)
        flowed_in += (before + tank.flow_m3h) / 2 * dt_s / 3600
        assert tank.volume_m3 <= incident.value("capacity_m3")
    assert tank.volume_m3 + tank.spilled_m3 == pytest.approx(flowed_in)


def test_the_tank_is_full_when_the_report_says() -> None:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    while not tank.spilled_m3:
        tank.step(1.0)
    assert abs(tank.now - incident.at("overflow_begins")) < timedelta(minutes=1)


def test_the_frozen_gauge_shows_what_was_true_at_three() -> None:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    while tank.now < incident.ends:
        tank.step(10)
    share = (tank.values()["LT"] or 0) / incident.value("height_m")
    assert share == pytest.approx(0.786, abs=0.001)


def test_the_gauge_stands_still_from_three_o_clock_while_the_tank_goes_on_filling() -> None:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    shown: dict[datetime, float | None] = {}
    true: dict[datetime, float] = {}
    while tank.now < incident.at("overflow_begins"):
        tank.step(60)
        shown[tank.now], true[tank.now] = tank.values()["LT"], tank.level_m
    after = [value for now, value in shown.items() if now >= incident.at("gauge_freezes")]
    assert len(set(after)) == 1
    assert max(true.values()) == pytest.approx(incident.value("height_m"), rel=0.01)
    before = [value for now, value in shown.items() if now < incident.at("gauge_freezes")]
    assert len(set(before)) > len(before) * 0.9


def test_t2_passes_through_its_published_temperatures_without_cooling() -> None:
    incident = load("t2-laboratories")
    reactor = plant_of(incident, seed=1)
    while reactor.now < incident.at("cooling_wanted"):
        reactor.step(1)
    values = reactor.values()
    assert values["TT"] == pytest.approx(182, abs=1)
    assert values["JF"] == 0
    while reactor.now < incident.ends:
        reactor.step(1)
    assert (reactor.values()["PT"] or 0) > incident.value("disc_bursts")


def test_the_times_of_day_stay_when_the_accident_moves_to_another_day() -> None:
    incident = load("buncefield")
    start = datetime(2005, 12, 11, 3, 4, 59, tzinfo=UTC)
    moment, readings = next(played(incident, read_tags(DEMO), day=date(2026, 2, 1), begins=start))
    shown = datetime.fromtimestamp(readings[0].t_ms / 1000, UTC)
    assert (shown.date(), shown.time()) == (date(2026, 2, 1), moment.time())
    assert timedelta(0) <= moment - start <= timedelta(seconds=1)


@pytest.mark.parametrize("ago", [1, 300, -5], ids=["yesterday", "long ago", "to come"])
def test_an_accident_moves_by_whole_days_and_nothing_else(ago: int) -> None:
    incident = load("buncefield")
    shift = incident.shift_to(incident.ends.date() - timedelta(days=ago))
    assert shift == timedelta(days=-ago)


def test_what_an_instrument_shows_does_not_depend_on_the_day() -> None:
    incident, tags = load("t2-laboratories"), read_tags(DEMO)
    start = datetime(2007, 12, 19, 13, 31, tzinfo=UTC)
    days = (date(2026, 1, 1), date(2026, 1, 2))
    one, other = (list(played(incident, tags, day=day, begins=start)) for day in days)
    assert [[(r.t_ms + 86_400_000, r.tag, r.value) for r in rows] for _, rows in one] == [
        [(r.t_ms, r.tag, r.value) for r in rows] for _, rows in other
    ]


@pytest.mark.parametrize(("clock", "day"), [("19:00", 10), ("23:59", 10), ("02:30", 11), ("06:01", 11)], ids=str)
def test_a_time_of_day_is_found_on_either_day_of_the_accident(clock: str, day: int) -> None:
    found = load("buncefield").moment(clock)
    assert (found.day, f"{found:%H:%M}") == (day, clock)


@pytest.mark.parametrize(("clock", "said"), [("12:00", "is not between 19:00 and 06:01"), ("25:00", "no time of day")])
def test_a_time_at_which_it_was_not_going_on_is_refused(clock: str, said: str) -> None:
    with pytest.raises(IncidentError, match=said):
        load("buncefield").moment(clock)


def test_as_fast_as_possible_is_still_given_out_in_portions() -> None:
    incident, tags = load("buncefield"), read_tags(DEMO)
    moments = list(played(incident, tags, day=date(2026, 1, 1), begins=incident.moment("02:30")))
    portions = list(paced(moments, math.inf, threading.Event()))
    assert len(portions) > 5
    assert max(len(portion) for portion in portions) < MOST_READINGS + 20
    assert [one for portion in portions for one in portion] == [one for _, rows in moments for one in rows]


def test_a_playback_ends_when_it_is_told_to() -> None:
    incident, tags = load("buncefield"), read_tags(DEMO)
    stop = threading.Event()
    stop.set()
    assert list(paced(played(incident, tags, day=date(2026, 1, 1)), 1.0, stop)) == []


def test_the_same_seed_plays_the_same_accident() -> None:
    incident, tags = load("t2-laboratories"), read_tags(DEMO)
    start = datetime(2007, 12, 19, 13, 30, tzinfo=UTC)
    one, other = (list(played(incident, tags, day=date(2026, 1, 1), begins=start, seed=7)) for _ in range(2))
    assert one == other
