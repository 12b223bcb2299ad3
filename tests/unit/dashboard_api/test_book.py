"""The list of occurrences as events leave it."""

from __future__ import annotations

from typing import Any

from alerting.events import Ev, Event, State
from alerting.occurrences import SUPERSEDED
from dashboard_api.live.book import Book


def event(ev: Ev, state: State, t: int, **more: Any) -> Event:
    fields = {"alarm": "H", "enterprise": "E", "source": "S", "tag": "T", "alarm_id": "a1", "priority": 2, "occ": 1}
    return Event(t=t, ev=ev, state=state, **{**fields, **more})


def book(*events: Event) -> Book:
    made = Book()
    for seq, one in enumerate(events, 1):
        made.take(seq, one)
    return made


def test_an_alarm_that_was_raised_returned_and_acknowledged_is_over_but_remembered() -> None:
    made = book(
        event(Ev.ACTIVE, State.UNACK, 10, ann=True, value=9.5),
        event(Ev.RTN, State.RTNUN, 20),
        event(Ev.ACK, State.NORM, 30, user="ann", comment="seen"),
    )
    assert not list(made.standing())
    one = made.occurrence("a1")
    assert one is not None
    assert (one.state, one.raised_at, one.returned_at, one.acked_at) == ("NORM", 10, 20, 30)
    assert (one.acked_by, one.comment, one.annunciated, one.value) == ("ann", "seen", True, 9.5)


def test_an_occurrence_raised_over_before_it_was_acknowledged_takes_the_acknowledgement_of_its_successor() -> None:
    made = book(
        event(Ev.ACTIVE, State.UNACK, 10),
        event(Ev.RTN, State.RTNUN, 20),
        event(Ev.ACTIVE, State.UNACK, 30, alarm_id="a2", occ=2),
    )
    first = made.occurrence("a1")
    assert first is not None
    assert (first.state, first.acked_by) == (SUPERSEDED, None)
    made.take(9, event(Ev.ACK, State.ACKED, 40, alarm_id="a2", occ=2, user="ann"))
    first = made.occurrence("a1")
    assert first is not None
    assert (first.state, first.acked_by) == (SUPERSEDED, "ann")


def test_a_refused_command_changes_nothing() -> None:
    made = book(event(Ev.ACTIVE, State.UNACK, 10), event(Ev.REJECT, State.UNACK, 20, reason="not_resettable"))
    (standing,) = made.standing()
    assert standing.event.ev is Ev.ACTIVE


def test_what_concerns_the_signal_alone_is_no_alarm() -> None:
    made = book(Event(t=1, alarm="POINT", ev=Ev.BAD, enterprise="E", tag="T"))
    assert not list(made.standing())
    assert not made.occurrences(lambda _: True)


def test_the_snapshot_of_the_engine_is_what_counts() -> None:
    made = book(event(Ev.ACTIVE, State.UNACK, 10), event(Ev.ACTIVE, State.UNACK, 11, tag="U", alarm_id="b1"))
    made.stand(50, [event(Ev.ACK, State.ACKED, 30, tag="U", alarm_id="b1", user="ann", since=11)])
    assert [one.event.tag for one in made.standing()] == ["U"]
    assert made.states("E", "U", ["H"]) == {"H": "ACKED"}
    assert made.states("E", "T", ["H"]) == {"H": "NORM"}
    assert made.seq == 50


def test_an_alarm_shelved_while_normal_stands_without_an_occurrence() -> None:
    made = book(event(Ev.SHELVED, State.SHLVD, 10, alarm_id="none", occ=0))
    assert [one.event.state for one in made.standing()] == [State.SHLVD]
    assert not made.occurrences(lambda _: True)


def test_the_newest_raise_comes_first() -> None:
    made = book(*(event(Ev.ACTIVE, State.UNACK, t, tag=f"T{t}", alarm_id=f"a{t}") for t in (5, 9, 7)))
    assert [one.raised_at for one in made.occurrences(lambda _: True)] == [9, 7, 5]


def test_what_is_over_is_forgotten_in_time_and_what_stands_is_not() -> None:
    made = Book(most_closed=10)
    made.take(1, event(Ev.ACTIVE, State.UNACK, 1, tag="stands", alarm_id="stands"))
    for n in range(2, 60):
        made.take(n, event(Ev.ACTIVE, State.UNACK, n, alarm_id=f"a{n}", occ=n))
        made.take(n, event(Ev.RTN, State.NORM, n, alarm_id=f"a{n}", occ=n))
    assert made.occurrence("stands") is not None
    assert len(made.occurrences(lambda _: True)) <= 14


def test_an_excursion_while_offline_stands_beside_its_alarm_and_is_not_its_state() -> None:
    offline = {"alarm_id": "p1", "occ": 0, "late": True}
    made = book(
        event(Ev.ACTIVE, State.UNACK, 90),
        event(Ev.ACTIVE, State.UNACK, 10, **offline),
        event(Ev.RTN, State.RTNUN, 20, **offline),
    )
    assert {(one.event.alarm_id, str(one.event.state)) for one in made.standing()} == {("a1", "UNACK"), ("p1", "RTNUN")}
    assert made.states("E", "T", ["H"]) == {"H": "UNACK"}
    made.take(4, event(Ev.ACK, State.NORM, 95, user="op", **offline))
    assert [one.event.alarm_id for one in made.standing()] == ["a1"]
    again = Book()
    again.stand(4, [one.event for one in made.standing()] + [event(Ev.RTN, State.RTNUN, 20, **offline)])
    assert {one.alarm_id: str(one.state) for one in again.occurrences(lambda one: True)} == {
        "a1": "UNACK",
        "p1": "RTNUN",
    }
