"""What events make of occurrences."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerting.events import Ev, Event, State
from alerting.occurrences import SUPERSEDED, Numbered, Occurrence, fold


def event(ev: Ev, state: State | None, *, id_: str = "a1", t: int = 1000, **more: Any) -> Event:
    fields = {"enterprise": "E1", "source": "S1", "tag": "T1", "alarm": "H", **more}
    return Event(t=t, ev=ev, state=state, alarm_id=id_, **fields)


def life(*events: Event) -> dict[str, Occurrence]:
    folded = fold([], [Numbered(seq, one) for seq, one in enumerate(events, 1)], "e")
    return {one.alarm_id: one for one in folded.changed}


def test_raised_acknowledged_returned() -> None:
    one = life(
        event(Ev.ACTIVE, State.UNACK, t=1000, since=900, occ=1, ann=True, value=85.5, limit=80.0, priority=2),
        event(Ev.ACK, State.ACKED, t=2000, user="op", comment="on my way"),
        event(Ev.RTN, State.NORM, t=3000),
    )["a1"]
    assert (one.state, one.raised_at, one.since, one.returned_at) == (State.NORM, 1000, 900, 3000)
    assert (one.acked_at, one.acked_by, one.comment, one.annunciated) == (2000, "op", "on my way", True)
    assert (one.first_seq, one.last_seq, one.value, one.limit, one.priority) == (1, 3, 85.5, 80.0, 2)


def test_raised_over_before_it_was_acknowledged() -> None:
    found = life(
        event(Ev.ACTIVE, State.UNACK, t=1000),
        event(Ev.RTN, State.RTNUN, t=2000),
        event(Ev.ACTIVE, State.UNACK, id_="a2", t=3000),
    )
    assert (found["a1"].state, found["a1"].returned_at, found["a2"].state) == (SUPERSEDED, 2000, State.UNACK)


def test_an_acknowledgement_is_handed_to_those_superseded() -> None:
    numbered = [
        Numbered(1, event(Ev.ACTIVE, State.UNACK)),
        Numbered(2, event(Ev.RTN, State.RTNUN)),
        Numbered(3, event(Ev.ACTIVE, State.UNACK, id_="a2", t=3000)),
        Numbered(4, event(Ev.ACK, State.ACKED, id_="a2", t=4000, user="op")),
    ]
    (ack,) = fold([], numbered, "e").acks
    assert (ack.place, ack.seq, ack.at, ack.by) == (("E1", "T1", "H"), 4, 4000, "op")


def test_latched_and_acknowledged_before_the_next_raise_is_over_not_superseded() -> None:
    found = life(
        event(Ev.ACTIVE, State.UNACK),
        event(Ev.ACK, State.ACKED, user="op"),
        event(Ev.RTN, State.LATAK),
        event(Ev.ACTIVE, State.UNACK, id_="a2", t=9000),
    )
    assert found["a1"].state == State.NORM


def test_annunciated_again_it_must_be_acknowledged_again() -> None:
    one = life(
        event(Ev.ACTIVE, State.UNACK),
        event(Ev.ACK, State.ACKED, user="op"),
        event(Ev.REALARM, State.UNACK, ann=True),
    )["a1"]
    assert (one.state, one.acked_at, one.acked_by) == (State.UNACK, None, None)


def test_a_refused_command_changes_nothing() -> None:
    one = life(event(Ev.ACTIVE, State.UNACK), event(Ev.REJECT, State.UNACK, user="op"))["a1"]
    assert one.last_seq == 1


def test_an_alarm_whose_tag_is_retired_has_ended() -> None:
    one = life(event(Ev.ACTIVE, State.UNACK), event(Ev.CONFIG, State.NORM, t=5000))["a1"]
    assert (one.state, one.returned_at) == (State.NORM, 5000)


def test_commands_on_an_alarm_that_never_was_make_no_occurrence() -> None:
    assert life(event(Ev.SHELVED, State.SHLVD, id_="never")) == {}


LIVES = [
    event(Ev.ACTIVE, State.UNACK),
    event(Ev.RTN, State.RTNUN, t=2000),
    event(Ev.ACTIVE, State.UNACK, id_="a2", t=3000),
    event(Ev.ACK, State.ACKED, id_="a2", t=4000, user="op"),
    event(Ev.RTN, State.NORM, id_="a2", t=5000),
    event(Ev.ACTIVE, State.UNACK, id_="a3", t=6000),
    event(Ev.ACTIVE, State.UNACK, id_="b1", t=6500, tag="T2"),
]


@given(st.integers(0, len(LIVES)))
def test_cut_into_two_transactions_it_comes_to_the_same(cut: int) -> None:
    numbered = [Numbered(seq, one) for seq, one in enumerate(LIVES, 1)]
    whole = {one.alarm_id: one for one in fold([], numbered, "e").changed}
    first = {one.alarm_id: one for one in fold([], numbered[:cut], "e").changed}
    second = fold(list(first.values()), numbered[cut:], "e").changed
    assert {**first, **{one.alarm_id: one for one in second}} == whole


def test_an_excursion_while_offline_stands_beside_the_life_of_its_alarm() -> None:
    numbered = [
        Numbered(1, event(Ev.ACTIVE, State.UNACK, t=9000, occ=4)),
        Numbered(2, event(Ev.ACTIVE, State.UNACK, id_="p1", t=1000, occ=0, late=True)),
        Numbered(3, event(Ev.RTN, State.RTNUN, id_="p1", t=2000, occ=0, late=True)),
        Numbered(4, event(Ev.ACK, State.NORM, id_="p1", t=9500, occ=0, late=True, user="op")),
        Numbered(5, event(Ev.ACTIVE, State.UNACK, id_="a2", t=9900, occ=5)),
    ]
    for cut in range(len(numbered)):  # also where the journal writes them in two transactions
        first = fold([], numbered[:cut], "e")
        second = fold(first.changed, numbered[cut:], "e")
        found = {one.alarm_id: one for one in [*first.changed, *second.changed]}
        assert (found["a1"].state, found["p1"].state, found["a2"].state) == (SUPERSEDED, State.NORM, State.UNACK)
        assert (found["p1"].returned_at, found["p1"].acked_by, found["p1"].annunciated) == (2000, "op", False)
        assert [*first.acks, *second.acks] == []
