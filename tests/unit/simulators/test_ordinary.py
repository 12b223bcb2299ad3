"""Ordinary days: calm, coherent, and within the limits."""

from __future__ import annotations

import pytest

from simulators.gateway import payload
from simulators.ordinary import Ordinary, OrdinaryTank
from simulators.reading import Reading
from simulators.tags import DEMO, Tag, read

TAGS = [tag for tag in read(DEMO) if tag.enterprise != "DRILL"]
OWN_MODEL = [tag for tag in TAGS if not (tag.source.startswith("TK") and tag.kind in ("level", "flow"))]


@pytest.mark.parametrize("tag", OWN_MODEL, ids=lambda tag: f"{tag.enterprise}/{tag.tag}")
def test_a_day_of_an_ordinary_tag_stays_within_its_limits(tag: Tag) -> None:
    model = Ordinary(tag, seed=1)
    for _ in range(2_000):
        model.step(43.2)
        value = model.value()
        for level, limit in tag.limits.items():
            assert value < limit if level in ("h", "hh") else value > limit, (level, limit)


def test_an_excursion_crosses_its_limit_and_comes_back() -> None:
    tag = next(tag for tag in TAGS if tag.tag == "RF01.DP")
    model = Ordinary(tag, seed=1)
    model.excursion()
    assert model.value() > tag.limits["h"]
    for _ in range(120):
        model.step(1.0)
    assert model.value() < tag.limits["h"]


def test_what_flows_into_an_ordinary_tank_is_what_its_level_rises_by() -> None:
    tank = OrdinaryTank(seed=1)
    filling = still = 0
    for _ in range(9_000):
        before = tank.level_m()
        flow = tank.flow_m3h()
        tank.step(60.0)
        rise = tank.level_m() - before
        if flow > 50 and tank.flow_m3h() > 50:
            filling += 1
            assert rise == pytest.approx(600 / 700 / 60, abs=0.02)
        elif flow == 0 and tank.flow_m3h() == 0:
            still += 1
            assert rise < 0.02
    assert filling > 1_000
    assert still > 1_000


def test_neighbours_of_one_time_share_an_object() -> None:
    readings = [Reading(1, "A", 1.0), Reading(1, "B", None, 0), Reading(2, "A", 2.0)]
    assert payload(readings) == [
        {"ts": 1, "values": {"A": 1.0, "B": None}, "quality": {"B": 0}},
        {"ts": 2, "values": {"A": 2.0}},
    ]
