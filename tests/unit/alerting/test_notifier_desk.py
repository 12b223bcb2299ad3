"""Whom the desk tells of what, and when, in virtual time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.events import Ev, Event, State
from alerting.notifier.attempts import Attempt, Kind, Outcome
from alerting.notifier.desk import AT_ONCE, URGENT_AT_ONCE, Desk, DeskState, Emitted, Sending
from alerting.notifier.escalation import LATE_MS, NEVER, contact_id, retry_ms
from alerting.notifier.grouping import MOST, SPAN_MS
from registry.site import Contact, Enterprise, Region, Site

T = 1_767_225_600_000
REGIONS = {"P": Region("P", "Province"), "C": Region("C", "City", "P"), "X": Region("X", "Other")}
ENTERPRISES = {"E1": Enterprise("E1", "First", "C"), "E2": Enterprise("E2", "Second", "X")}


def site(*contacts: Contact) -> Site:
    return Site(version=1, regions=REGIONS, enterprises=ENTERPRISES, contacts={one.name: one for one in contacts})


def contact(name: str = "A", **more: Any) -> Contact:
    return Contact(name, more.pop("channel", f"json://{name}.example/"), **more)


def event(ev: Ev, state: State, alarm_id: str = "a1", *, ann: bool | None = None, **more: Any) -> Event:
    fields = {"t": T, "enterprise": "E1", "source": "S", "tag": alarm_id, "alarm": "H", "priority": 1, **more}
    return Event(ev=ev, state=state, alarm_id=alarm_id, ann=ann, **fields)


class Drill:
    """A desk with a clock of its own, and a provider that answers as it is told."""

    def __init__(self, *contacts: Contact) -> None:
        self.now = T
        self.desk = Desk()
        self.desk.arrange(site(*contacts), self.now)
        self.sent: list[tuple[int, str, str, str]] = []  # when after T, whom, which alarm, which step
        self.refuse = False

    def hear(self, *events: Event, behind_ms: int = 0, at: int | None = None) -> None:
        self.desk.hear(events, Emitted(self.now if at is None else at, behind_ms), self.now)
        self.settle()

    def settle(self) -> None:
        while sendings := self.desk.due(self.now):
            for sending in sendings:
                self.note(sending)
                self.desk.done(sending, "refused" if self.refuse else None, self.now)

    def note(self, sending: Sending) -> None:
        for item in sending.items:
            step = "summary" if sending.kind is Kind.SUMMARY else item.step
            self.sent.append((self.now - T, sending.contact.name, item.alarm_id, step))

    def run(self, ms: int) -> None:
        """Lets time go by as the role does: awake whenever the desk asks."""
        end = self.now + ms
        while True:
            wake = max(self.desk.next_wake(self.now), self.now + 1)
            if wake > end:
                break
            self.now = wake
            self.settle()
        self.now = end
        self.settle()


def test_told_at_once_and_of_the_return() -> None:
    drill = Drill(contact())
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.run(5_000)
    drill.hear(event(Ev.ACK, State.ACKED))
    drill.hear(event(Ev.RTN, State.NORM))
    drill.run(10_000)
    assert drill.sent == [(0, "A", "a1", "raise-1"), (5_000, "A", "a1", "return")]
    assert drill.desk.cases() == []


@pytest.mark.parametrize(
    ("who", "is_told"),
    [
        pytest.param({}, True, id="no place: all"),
        pytest.param({"enterprise": "E1"}, True, id="his enterprise"),
        pytest.param({"enterprise": "E2"}, False, id="another enterprise"),
        pytest.param({"region": "C"}, True, id="its region"),
        pytest.param({"region": "P"}, True, id="a region above"),
        pytest.param({"region": "X"}, False, id="another region"),
        pytest.param({"region": "X", "enterprise": "E1"}, True, id="one of the two is enough"),
        pytest.param({"min_priority": 2}, True, id="as urgent as he wants"),
        pytest.param({"min_priority": 1}, False, id="less urgent than he wants"),
    ],
)
def test_who_is_concerned(who: dict[str, Any], is_told: bool) -> None:
    drill = Drill(contact(**who))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True, priority=2))
    assert bool(drill.sent) is is_told


def test_escalates_until_somebody_answers() -> None:
    drill = Drill(contact("A"), contact("B", escalate_after_s=60), contact("C", escalate_after_s=120))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.run(90_000)
    drill.hear(event(Ev.ACK, State.ACKED))
    drill.run(600_000)
    assert [sent[:2] for sent in drill.sent] == [(0, "A"), (60_000, "B")]


def test_an_alarm_that_returned_unanswered_still_escalates_and_one_that_owes_nothing_does_not() -> None:
    drill = Drill(contact("B", escalate_after_s=60))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True), event(Ev.RTN, State.RTNUN))
    drill.hear(event(Ev.ACTIVE, State.UNACK, "a2", ann=True), event(Ev.RTN, State.NORM, "a2"))
    drill.run(70_000)
    assert drill.sent == [(60_000, "B", "a1", "raise-1")], "and no second notice that it has returned"


@pytest.mark.parametrize("state", [State.SHLVD, State.DSUPR, State.OOSRV])
def test_whoever_silences_it_has_seen_it(state: State) -> None:
    drill = Drill(contact("B", escalate_after_s=60))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.hear(event(Ev.SHELVED, state))
    drill.run(70_000)
    assert drill.sent == []


def test_what_is_not_annunciated_is_not_told() -> None:
    drill = Drill(contact())
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=False, late=True))
    drill.run(9_000)
    assert drill.sent == []
    drill.hear(event(Ev.REALARM, State.UNACK, ann=True, late=True))
    assert [sent[3] for sent in drill.sent] == ["raise-1"]


def test_annunciated_again_it_is_told_again() -> None:
    drill = Drill(contact("A"), contact("B", escalate_after_s=60))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.hear(event(Ev.ACK, State.ACKED))
    drill.run(600_000)
    drill.hear(event(Ev.REALARM, State.UNACK, ann=True))
    drill.run(60_000)
    assert [sent[:2] for sent in drill.sent] == [(0, "A"), (600_000, "A"), (660_000, "B")]


def test_raised_over_it_is_told_once_more_and_not_of_the_old_return() -> None:
    drill = Drill(contact("A"), contact("B", escalate_after_s=60))
    drill.hear(event(Ev.ACTIVE, State.UNACK, tag="T", ann=True))
    drill.run(50_000)
    drill.hear(event(Ev.RTN, State.RTNUN, tag="T"), event(Ev.ACTIVE, State.UNACK, "a2", tag="T", ann=True))
    drill.run(60_000)
    assert drill.sent == [
        (0, "A", "a1", "raise-1"),
        (50_000, "A", "a2", "raise-1"),
        (110_000, "B", "a2", "raise-1"),
    ]


def test_tried_again_with_growing_pauses_until_somebody_answers() -> None:
    drill = Drill(contact())
    drill.refuse = True
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.run(600_000)
    pauses = [after[0] - before[0] for before, after in zip(drill.sent, drill.sent[1:], strict=False)]
    assert 750 <= pauses[0] <= 1_250
    assert all(45_000 <= pause <= 75_000 for pause in pauses[6:])
    assert drill.desk.oldest_unsent() == T
    drill.hear(event(Ev.ACK, State.ACKED))
    count = len(drill.sent)
    drill.run(600_000)
    assert len(drill.sent) == count
    drill.settle()
    assert drill.desk.oldest_unsent() is None


@given(st.text(min_size=1), st.integers(1, 1_000))
def test_a_pause_is_at_most_a_minute_and_a_quarter(key: str, attempts: int) -> None:
    assert 750 <= retry_ms(key, attempts) <= 75_000


def test_more_than_five_a_minute_become_a_summary() -> None:
    drill = Drill(contact())
    for number in range(20):
        drill.hear(event(Ev.ACTIVE, State.UNACK, f"a{number}", ann=True, priority=3))
    assert len(drill.sent) == MOST
    drill.hear(event(Ev.ACTIVE, State.UNACK, "urgent", ann=True, priority=1))
    assert drill.sent[-1] == (0, "A", "urgent", "raise-1")
    drill.run(SPAN_MS)
    assert [sent[3] for sent in drill.sent].count("summary") == 15
    assert {sent[0] for sent in drill.sent if sent[3] == "summary"} == {SPAN_MS}
    assert drill.desk.oldest_unsent() is None


def test_what_was_answered_meanwhile_is_not_in_the_summary() -> None:
    drill = Drill(contact())
    for number in range(8):
        drill.hear(event(Ev.ACTIVE, State.UNACK, f"a{number}", ann=True, priority=3))
    for number in range(5, 8):
        drill.hear(event(Ev.ACK, State.ACKED, f"a{number}", priority=3))
    drill.run(SPAN_MS * 2)
    assert len(drill.sent) == MOST


def test_a_summary_that_is_refused_is_tried_again_as_one() -> None:
    drill = Drill(contact())
    for number in range(10):
        drill.hear(event(Ev.ACTIVE, State.UNACK, f"a{number}", ann=True, priority=3))
    drill.refuse = True
    drill.run(SPAN_MS + 10)
    drill.refuse = False
    drill.run(SPAN_MS * 2)
    late = drill.sent[MOST:]
    assert {sent[3] for sent in late} == {"summary"}
    assert len(late) == 10


def test_a_channel_takes_two_at_a_time_and_one_more_that_is_urgent() -> None:
    drill = Drill(contact("A", channel="json://one/"), contact("B", channel="json://two/"))
    events = [event(Ev.ACTIVE, State.UNACK, f"a{number}", ann=True, priority=2) for number in range(5)]
    drill.desk.hear(events, Emitted(T), T)
    begun = drill.desk.due(T)
    assert sorted(sending.contact.name for sending in begun) == ["A"] * AT_ONCE + ["B"] * AT_ONCE
    drill.desk.hear([event(Ev.ACTIVE, State.UNACK, "urgent", ann=True)], Emitted(T), T)
    urgent = drill.desk.due(T)
    assert {sending.items[0].alarm_id for sending in urgent} == {"urgent"}
    assert len(urgent) == (URGENT_AT_ONCE - AT_ONCE) * 2
    drill.desk.done(begun[0], None, T)
    drill.desk.done(urgent[0], None, T)
    assert all(sending.contact.name == begun[0].contact.name for sending in drill.desk.due(T))


def test_late_events_are_one_notice_of_the_newest_state() -> None:
    drill = Drill(contact())
    for number in range(20):
        drill.hear(event(Ev.ACTIVE, State.UNACK, f"a{number}", tag="T", ann=True), behind_ms=LATE_MS + 1)
        drill.hear(event(Ev.RTN, State.RTNUN, f"a{number}", tag="T"), behind_ms=LATE_MS + 1)
        drill.run(100)
    drill.run(60_000)
    assert [sent[2:] for sent in drill.sent] == [("a19", "raise-1")]


def test_after_an_outage_a_return_is_told_to_whoever_knows_of_the_raise() -> None:
    drill = Drill(contact())
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.run(200_000)
    drill.hear(event(Ev.ACK, State.ACKED), event(Ev.RTN, State.NORM), at=drill.now - LATE_MS - 1)
    drill.run(60_000)
    assert [sent[3] for sent in drill.sent] == ["raise-1", "return"]


def test_a_contact_that_is_gone_is_not_told_any_more_and_a_new_one_is() -> None:
    drill = Drill(contact("A", escalate_after_s=60))
    drill.hear(event(Ev.ACTIVE, State.UNACK, ann=True))
    drill.desk.arrange(site(contact("B")), drill.now)
    drill.run(70_000)
    assert [sent[1] for sent in drill.sent] == ["B"]


def test_what_stands_after_missed_events() -> None:
    drill = Drill(contact())
    drill.hear(event(Ev.ACTIVE, State.UNACK, "gone", ann=True), event(Ev.ACTIVE, State.UNACK, "stays", ann=True))
    standing = [
        event(Ev.ACTIVE, State.UNACK, "stays"),
        event(Ev.ACTIVE, State.UNACK, "hh", tag="N", alarm="HH"),
        event(Ev.ACTIVE, State.UNACK, "h", tag="N", alarm="H"),
        event(Ev.ACK, State.ACKED, "seen", tag="M"),
    ]
    drill.sent.clear()
    drill.desk.adopt(standing, drill.now)
    drill.run(10_000)
    assert sorted(sent[2:] for sent in drill.sent) == [("gone", "return"), ("hh", "raise-1")]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("raise"), st.integers(0, 3)),
        st.tuples(st.just("return"), st.integers(0, 3)),
        st.tuples(st.just("ack"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(1, 90_000)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=30,
)


class Plant:
    """Four alarms that a random history moves, with the occurrences that the engine would give."""

    def __init__(self) -> None:
        self.raises = [0] * 4
        self.states = [State.NORM] * 4

    def event(self, what: str, place: int) -> Event | None:
        state = self.states[place]
        match what:
            case "raise" if state in (State.NORM, State.RTNUN):
                self.raises[place] += 1
                return self._event(Ev.ACTIVE, State.UNACK, place, ann=True)
            case "return" if state in (State.UNACK, State.ACKED):
                return self._event(Ev.RTN, State.RTNUN if state is State.UNACK else State.NORM, place)
            case "ack" if state in (State.UNACK, State.RTNUN):
                return self._event(Ev.ACK, State.ACKED if state is State.UNACK else State.NORM, place)
        return None

    def _event(self, ev: Ev, state: State, place: int, *, ann: bool | None = None) -> Event:
        self.states[place] = state
        return event(ev, state, f"p{place}n{self.raises[place]}", ann=ann, tag=f"T{place}", priority=place + 1)


@settings(max_examples=200)
@given(ACTIONS)
def test_on_any_history_nobody_is_told_twice_and_whoever_must_know_knows(actions: list[tuple[str, int]]) -> None:
    who = (contact("A"), contact("B", escalate_after_s=60))
    drill, plant = Drill(*who), Plant()
    for what, value in actions:
        match what:
            case "wait":
                drill.run(value)
            case "restart":
                saved = msgspec.msgpack.encode(DeskState("e", 1, drill.desk.cases()))
                drill.desk = Desk(msgspec.msgpack.decode(saved, type=DeskState).cases)
                drill.desk.arrange(site(*who), drill.now)
                drill.settle()
            case _:
                made = plant.event(what, value)
                if made is not None:
                    drill.hear(made)
    drill.run(10 * SPAN_MS)
    told = [(name, alarm_id, "return" if step == "return" else "raise") for _, name, alarm_id, step in drill.sent]
    steps = [one for one in told if one[2] == "return"]
    assert len(steps) == len(set(steps)), "a return twice"
    for place, state in enumerate(plant.states):
        if state in (State.UNACK, State.RTNUN):
            for one in who:
                assert (one.name, f"p{place}n{plant.raises[place]}", "raise") in told
    for name, alarm_id, _ in steps:
        assert (name, alarm_id, "raise") in told, "a return to somebody who never knew"
    assert drill.desk.oldest_unsent() is None


def attempt(outcome: Outcome, number: int = 1, *, at: int = T) -> Attempt:
    key = f"a1.raise-1.{contact_id('A')}"
    return Attempt(f"{key}.{number}", key, at, "A", "json://a", Kind.RAISE, number, outcome, alarm_id="a1")


@pytest.mark.parametrize(
    ("kept", "sent_again"),
    [
        pytest.param([attempt(Outcome.SENT)], False, id="told"),
        pytest.param([attempt(Outcome.SENDING)], True, id="cut short: nobody knows"),
        pytest.param([attempt(Outcome.FAILED)], True, id="refused"),
        pytest.param([attempt(Outcome.FAILED), attempt(Outcome.SENT, 2)], False, id="told at the second attempt"),
        pytest.param([], True, id="never begun"),
    ],
)
@pytest.mark.parametrize("saved", [True, False], ids=["state saved", "state lost"])
def test_after_a_kill(kept: list[Attempt], sent_again: bool, saved: bool) -> None:
    raised = event(Ev.ACTIVE, State.UNACK, ann=True)
    before = Drill(contact())
    before.desk.hear([raised], Emitted(T), T)
    before.desk.due(T)
    after = Drill(contact())
    after.desk = Desk(before.desk.cases() if saved else ())
    after.desk.recall(kept, T)
    after.desk.arrange(site(contact()), T)
    if not saved:
        after.desk.hear([raised], Emitted(T), T)
    after.run(10_000)
    assert bool(after.sent) is sent_again
    assert len(after.sent) <= 1


def test_nothing_to_do_is_no_reason_to_wake() -> None:
    drill = Drill(contact())
    drill.settle()
    assert drill.desk.next_wake(drill.now) == NEVER
