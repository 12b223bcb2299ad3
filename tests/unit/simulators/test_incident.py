"""The accidents: every figure says where it comes from, and what comes of them is what the reports say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from simulators.incident import FOLDER, IncidentError, load, names, read
from simulators.plants import plant_of
from simulators.plants.tank import Tank
from simulators.playback import played
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


def test_a_figure_without_a_mark_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "buncefield.toml").read_text().replace("published = true\n", "", 1)
    path = tmp_path / "faulty.toml"
    path.write_text(text)
    with pytest.raises(IncidentError, match="whether it was published"):
        read(path)


def test_buncefield_spills_what_the_report_says() -> None:
    assert 300 <= run_to_the_end(1.0).spilled_t <= 320


def test_the_spill_does_not_depend_on_the_step() -> None:
    assert run_to_the_end(1.0).spilled_t == pytest.approx(run_to_the_end(4.0).spilled_t, rel=0.01)


def test_nothing_is_made_or_lost_in_the_tank() -> None:
    incident = load("buncefield")
    tank = Tank(incident, seed=1)
    flowed_in = 0.0
    while tank.now < incident.ends:
        before = tank.flow_m3h
        tank.step(1.0)
        flowed_in += (before + tank.flow_m3h) / 2 / 3600
    assert tank.volume_m3 + tank.spilled_m3 == pytest.approx(incident.value("heel_m3") + flowed_in)


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


def test_the_same_seed_plays_the_same_accident() -> None:
    incident, tags = load("t2-laboratories"), read_tags(DEMO)
    start = datetime(2007, 12, 19, 13, 30, tzinfo=UTC)
    one, other = (list(played(incident, tags, day=date(2026, 1, 1), begins=start, seed=7)) for _ in range(2))
    assert one == other
