"""Ordinary days: calm, coherent, and within the limits."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from simulators.ordinary import EXCURSION_S, RAMP_S, Instrument, Works
from simulators.plants import ORDINARY
from simulators.plants.weather import Sky
from simulators.tags import DEMO, Tag, read

TAGS = [tag for tag in read(DEMO) if tag.enterprise != "DRILL"]
DAY_S = 86_400


def sky_over() -> Sky:
    return Sky(random.Random(1), 0.0)  # noqa: S311  a simulated day, not a secret


def shown(works: Works) -> dict[str, float]:
    return {one.tag.tag: source.show(one) for source in works.sources for one in source.instruments}


@pytest.mark.parametrize("seed", range(2))
def test_days_of_every_ordinary_tag_stay_within_its_limits(seed: int) -> None:
    works = Works(TAGS, seed)
    for _ in range(2 * DAY_S // 60):
        works.step(60.0)
        for source in works.sources:
            for one in source.instruments:
                value = source.show(one)
                for level, limit in one.tag.limits.items():
                    assert value < limit if level in ("h", "hh") else value > limit, (one.tag.tag, level, value)


def test_every_template_of_the_demo_that_holds_something_has_a_plant() -> None:
    assert {tag.template for tag in TAGS} - set(ORDINARY) == {"T14"}


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("TK101.LT", "TK101.LTB", 0.02),
        ("V201.LT1", "V201.LT2", 2.0),
        ("V201.PT1", "V201.PT2", 0.05),
        ("R101.TTA", "R101.TTB", 0.6),
        ("AM601.TT1", "AM601.TT2", 0.3),
        ("GH501.HTA", "GH501.HTB", 2.0),
        ("WH01.PT1", "WH01.PT4", 2.0),
    ],
)
def test_instruments_of_one_thing_agree(one: str, other: str, apart: float) -> None:
    works = Works(TAGS, 1)
    for _ in range(500):
        works.step(60.0)
        values = shown(works)
        assert abs(values[one] - values[other]) < apart


def test_what_flows_into_an_ordinary_tank_is_what_its_level_rises_by() -> None:
    works = Works(TAGS, 1)
    filling, still = [], []
    before = shown(works)
    for _ in range(3_000):
        works.step(60.0)
        now = shown(works)
        rise = now["TK101.LT"] - before["TK101.LT"]
        if min(before["TK101.FI"], now["TK101.FI"]) > 50:
            filling.append(rise)
        elif before["TK101.FI"] == now["TK101.FI"] == 0:
            still.append(rise)
        before = now
    assert fmean(filling) == pytest.approx(600 / 700 / 60, rel=0.05)
    assert len(filling) > 300
    assert max(still) < 0.02


def test_more_liquefied_gas_is_not_more_pressure_but_more_warmth_is() -> None:
    works = Works(TAGS, 1)
    rows = []
    for _ in range(4 * 24 * 60):
        works.step(60.0)
        values = shown(works)
        rows.append((values["V201.TT1"], values["V201.PT1"]))
    rows.sort()
    third = len(rows) // 3
    assert fmean(p for _, p in rows[-third:]) > fmean(p for _, p in rows[:third])


def test_it_is_warmer_in_the_afternoon_than_before_sunrise() -> None:
    sky = sky_over()
    by_hour: dict[int, list[float]] = {}
    for minute in range(20 * 24 * 60):
        by_hour.setdefault(minute // 60 % 24, []).append(sky.temperature_c)
        sky.step(60.0)
    assert fmean(by_hour[15]) - fmean(by_hour[3]) > 6


def test_rain_is_counted_for_a_day_and_never_more_than_an_ordinary_day_has() -> None:
    sky = sky_over()
    fallen: list[float] = []
    for minute in range(20 * 24 * 60):
        fallen.append(sky.rain_mm_h / 60)
        sky.step(60.0)
        if minute > 24 * 60:
            assert sky.rain_24h_mm == pytest.approx(sum(fallen[-24 * 60 :]), abs=1.0)
    assert sum(fallen) > 10


def test_an_excursion_crosses_its_limit_for_longer_than_the_delay_and_comes_back() -> None:
    tag = next(tag for tag in TAGS if tag.tag == "RF01.DP")
    instrument = Instrument(tag, sky_over(), 1, known=True)
    instrument.excursion()
    beyond = 0
    for _ in range(round(tag.on_delay_s + EXCURSION_S + 2 * RAMP_S)):
        beyond += instrument.value(1.2) > tag.limits["h"]
        instrument.step(1.0)
    assert beyond > tag.on_delay_s + EXCURSION_S / 2
    assert instrument.value(1.2) < 1.25


def test_an_excursion_stays_below_the_higher_limit() -> None:
    for one in Works(TAGS, 1).restless():
        one.excursion()
        for _ in range(40):
            one.step(1.0)
        hh = one.tag.limits.get("hh")
        assert hh is None or max(one.value() for _ in range(50)) < hh, one.tag.tag


def test_every_tag_is_sent_once_a_period() -> None:
    works = Works(TAGS, 1)
    times: dict[str, int] = {}
    for second in range(60):
        for tag, _ in works.due(second):
            times[tag.tag] = times.get(tag.tag, 0) + 1
    assert times == {tag.tag: 60 // round(tag.period_s) for tag in TAGS}


def test_the_same_seed_makes_the_same_days() -> None:
    def days(tags: list[Tag], seed: int) -> list[dict[str, float]]:
        works = Works(tags, seed, at_s=3600)
        found = []
        for _ in range(20):
            works.step(300.0)
            found.append(shown(works))
        return found

    assert days(TAGS, 5) == days(TAGS, 5)
    assert days(TAGS, 5) != days(TAGS, 6)
