"""Times, events and cursors as the outside sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.events import Ev, Event, State
from dashboard_api import pages, wire
from dashboard_api.problems import Problem


@given(st.integers(-(10**12), 10**13))
def test_a_time_comes_back(ms: int) -> None:
    assert wire.milliseconds(wire.moment(ms)) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1767225600123", 1_767_225_600_123),
        ("2026-01-01T00:00:00.123Z", 1_767_225_600_123),
        ("2026-01-01T08:00:00.123+08:00", 1_767_225_600_123),
        ("2026-01-01T08:00:00.123 08:00", 1_767_225_600_123),
    ],
    ids=["milliseconds", "UTC", "offset", "a plus that a URL made a blank"],
)
def test_times_that_people_write(text: str, ms: int) -> None:
    assert wire.milliseconds(text) == ms


@pytest.mark.parametrize("text", ["", "now", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.milliseconds(text)


def test_a_time_that_no_calendar_holds_is_still_shown() -> None:
    assert wire.moment(10**18).startswith("9999-12-31")


def test_an_event_shows_its_fields_with_times_and_leaves_out_what_does_not_apply() -> None:
    shown = wire.event(Event(t=0, alarm="H", ev=Ev.ACTIVE, state=State.UNACK, ann=False, since=0, limit=float("inf")))
    assert shown["t"] == "1970-01-01T00:00:00.000Z"
    assert (shown["ev"], shown["state"], shown["ann"], shown["limit"]) == ("ACTIVE", "UNACK", False, None)
    assert "late" not in shown
    assert "user" not in shown


def test_pages_of_a_list_hold_every_item_once() -> None:
    items = [f"{n:03}" for n in range(25)]
    seen: list[str] = []
    after: str | None = None
    while True:
        page = pages.page(items, key=str, show=lambda one: {"n": one}, limit=7, after=after)
        seen += [one["n"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == items


@pytest.mark.parametrize("text", ["*", "AAAAA", "\u00e9", "_", "/w=="])
def test_a_cursor_that_is_none_of_ours_is_a_problem_and_no_fault(text: str) -> None:
    with pytest.raises(Problem) as caught:
        pages.words_of(text)
    assert caught.value.status == 422
