"""Real accidents and the day before each, through the engine: what rang first, how long before, what rang wrongly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from simulators.incident import Figure, Incident, load, names
from tests.accidents.score import NOTHING, Score, details, score, table

ROOT = Path(__file__).resolve().parents[2]
LONG = bool(os.environ.get("HAZARDWATCH_LONG"))
SEEDS = range(2, 12) if LONG else range(2, 3)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Score]:
    folder = tmp_path_factory.mktemp("accidents")
    return MappingProxyType({name: score(load(name), folder) for name in names()})


def clock(found: Score, alarm: str, tag: str) -> str:
    """The accident's time of day at which it first rang, or never."""
    one = found.find(alarm, tag)
    return f"{one.at:%H:%M:%S}" if one else "never"


def test_on_the_day_before_nothing_rings(scores: Mapping[str, Score]) -> None:
    assert len(scores) == 6
    assert {name: found.false for name, found in scores.items()} == dict.fromkeys(scores, ())
    assert all(found.readings > 1_000 for found in scores.values())


def test_buncefields_gauge_is_found_out_within_five_minutes_and_its_limits_never_ring(
    scores: Mapping[str, Score],
) -> None:
    found = scores["buncefield"]
    assert "03:02:00" <= clock(found, "BALANCE", "TK912-BAL") <= "03:04:00"
    assert clock(found, "BALANCE", "TK912-BAL") < clock(found, "FLAT", "TK912-FLAT") <= "03:05:00"
    assert not [one for one in found.rung if one.tag in ("TK912.LT", "TK912.LTB")]
    assert found.first is not None
    assert found.lead(found.first) > timedelta(hours=2, minutes=55)


def test_t2s_missing_water_rings_when_it_is_first_wanted_and_its_rate_before_the_owners_are_called(
    scores: Mapping[str, Score],
) -> None:
    found = scores["t2-laboratories"]
    assert found.first is not None
    assert (found.first.name, clock(found, "LL", "R2450.JF")) == ("LL R2450.JF", "13:15:05")
    assert "13:16:00" <= clock(found, "RATE", "R2450-RATE") <= "13:20:00"
    assert found.lead(found.first) == timedelta(minutes=17, seconds=55)


def test_wengpais_defrosting_rings_five_minutes_before_and_the_first_shock_two(scores: Mapping[str, Score]) -> None:
    found = scores["wengpai"]
    defrost, shock = found.find("DISC", "WP01-DEFROST"), found.find("H", "WP01.VB")
    assert defrost is not None
    assert shock is not None
    assert found.first == defrost
    assert found.lead(defrost) == timedelta(minutes=5)
    assert found.lead(shock) == timedelta(minutes=1, seconds=55)


def test_san_juanicos_falling_pressure_rings_before_the_gas_finds_the_flare(scores: Mapping[str, Score]) -> None:
    found = scores["san-juanico"]
    assert found.first is not None
    assert "05:31:00" <= clock(found, "RATE", "SJ01-DP") <= "05:32:00"
    assert found.first.name == "RATE SJ01-DP"
    assert found.first_limit is None


def test_merriespruits_ladder_is_climbed_before_water_comes_into_the_town(scores: Mapping[str, Score]) -> None:
    found = scores["merriespruit"]
    ladder = [
        clock(found, *step) for step in (("H", "MS4A.RN"), ("HH", "MS4A.RN"), ("L", "MS4A.FB"), ("LL", "MS4A.FB"))
    ]
    assert ladder == sorted(ladder)
    assert "17:45:00" < ladder[0] < ladder[-1] < "18:30:00"


def test_of_brumadinho_it_is_said_that_nothing_warned(scores: Mapping[str, Score]) -> None:
    found = scores["brumadinho"]
    assert (found.first, found.rung, found.false) == (None, (), ())
    assert NOTHING in table([found])
    assert NOTHING in details(found)
    assert NOTHING == "no threshold was reached"


def test_brumadinhos_rules_would_have_seen_a_dam_that_begins_to_move(tmp_path: Path) -> None:
    moving = with_figure(load("brumadinho"), "deformation_mm_year", value=3 * 365.0)
    moving = with_figure(moving, "marks_set", at=datetime(2019, 1, 23, 18, tzinfo=UTC))
    found = score(moving, tmp_path)
    assert found.false == ()
    assert found.first is not None
    assert found.first.alarm == "RATE"
    assert found.lead(found.first) > timedelta(hours=12)


def test_an_ordinary_day_on_which_the_bleed_comes_too_late_has_its_false_alarms(tmp_path: Path) -> None:
    found = score(with_figure(load("wengpai"), "bleed_follows_s", value=30.0), tmp_path)
    assert [one.name for one in found.false] == ["DISC WP01-DEFROST"] * 8  # four defrostings, at begin and end


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", names() if LONG else ["brumadinho", "merriespruit", "san-juanico"])
def test_other_noise_changes_neither_the_first_rule_nor_the_quiet_day(
    scores: Mapping[str, Score], tmp_path: Path, name: str, seed: int
) -> None:
    one, other = scores[name], score(load(name), tmp_path, seed)
    assert other.false == ()
    assert (other.first.name if other.first else None) == (one.first.name if one.first else None)
    if one.first and other.first:
        assert abs(one.first.at - other.first.at) <= timedelta(seconds=60)


def test_the_page_shows_what_was_measured(scores: Mapping[str, Score]) -> None:
    page = (ROOT / "docs" / "accidents.md").read_text()
    assert table(list(scores.values())) in page


def with_figure(incident: Incident, name: str, *, value: float | None = None, at: datetime | None = None) -> Incident:
    """The accident with another figure of ours."""
    return replace(incident, figures={**incident.figures, name: Figure("ours", value, at)})
