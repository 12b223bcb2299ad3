"""What a notice says."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.events import State
from alerting.notifier.escalation import Case
from alerting.notifier.texts import TITLE_CHARACTERS, Names, raised, returned, summary
from registry.site import Enterprise, Site, Source, Tag

CHINA = timezone(timedelta(hours=8))
NAMES = Names(
    Site(
        enterprises={"E1": Enterprise("E1", "江北化工", "330211")},
        sources={"E1/TF1": Source("E1", "TF1", "一号罐区")},
        tags={"E1/TK101.LT": Tag("E1", "TF1", "TK101.LT", "level", "m", description="液位")},
    )
)


def case(**more: Any) -> Case:
    fields = {
        "alarm_id": "a1", "enterprise": "E1", "source": "TF1", "tag": "TK101.LT", "alarm": "HH", "priority": 1,
        "raised_at": 1_133_982_300_000, "value": 14.2, "limit": 14.0, "unit": "m", "rounds": 1, **more,
    }  # fmt: skip
    return Case(**fields)


def test_a_raise_says_where_what_how_much_since_when_and_what_to_do() -> None:
    words = raised(case(), NAMES, link="http://h/n/x", zone=CHINA)
    assert words.title == "P1 HH 一号罐区 TK101.LT 14.2 ≥ 14 m"
    assert words.body == (
        "江北化工 一号罐区 TK101.LT 液位 高高报 14.2 ≥ 14 m，12-08 03:05:00。立即按预案处置，并确认。\n"
        "High-high 14.2 ≥ 14 m, 12-08 03:05:00. Act at once by the plan, and accept.\n"
        "确认 Accept: http://h/n/x"
    )


def test_a_return_says_so_first() -> None:
    words = returned(case(state=State.NORM, returned_at=1_133_982_360_000), NAMES, zone=CHINA)
    assert words.title.startswith("恢复 RTN P1 HH")
    assert "12-08 03:06:00" in words.body
    assert "尚无人确认" not in words.body
    owed = returned(case(state=State.RTNUN, returned_at=1_133_982_360_000), NAMES, zone=CHINA)
    assert "尚无人确认" in owed.body


@pytest.mark.parametrize(
    ("more", "measured"),
    [
        pytest.param({"alarm": "LL"}, "14.2 ≤ 14 m", id="low"),
        pytest.param({"alarm": "FLAT", "limit": 1.0}, "14.2 m", id="a rule has no limit to compare"),
        pytest.param({"value": None}, "值不可用 no value", id="signal lost"),
        pytest.param({"unit": None}, "14.2 ≥ 14", id="no unit"),
    ],
)
def test_value_against_limit(more: dict[str, Any], measured: str) -> None:
    assert raised(case(**more), NAMES, link="", zone=CHINA).title.endswith(measured)


@given(st.text(max_size=200), st.text(min_size=1, max_size=64), st.booleans(), st.floats(allow_nan=False))
def test_the_first_part_fits_and_an_exercise_is_marked_first(name: str, tag: str, exercise: bool, value: float) -> None:
    names = Names(Site(sources={"E1/TF1": Source("E1", "TF1", name)}))
    words = raised(case(tag=tag, exercise=exercise, value=value), names, link="", zone=CHINA)
    assert len(words.title) <= TITLE_CHARACTERS
    assert words.title.startswith("演练 EXERCISE ") is exercise


def test_a_summary_counts_all_and_names_the_most_urgent() -> None:
    cases = [case(alarm_id=f"a{number}", priority=2 + number // 4) for number in range(8)]
    words = summary(cases, NAMES, links=["l0", "l1", "l2"], screen="http://h", zone=CHINA)
    assert words.title == "8 条报警 8 alarms (P2: 4, P3: 4)"
    lines = words.body.splitlines()
    assert [line.split()[-1] for line in lines] == ["l0", "l1", "l2", "http://h"]
    assert "5 more" in lines[-1]


def test_names_that_the_site_has_no_more_are_shown_as_codes() -> None:
    assert "GONE" in raised(case(source="GONE"), NAMES, link="", zone=CHINA).title
