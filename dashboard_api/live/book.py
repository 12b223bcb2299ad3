"""Alarm events to the list of occurrences: what stands now, and what was lately."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from alerting.events import Ev, Event, State
from alerting.occurrences import SUPERSEDED, Ack, Numbered, Occurrence, Place, begun, fold, place_of

MOST_CLOSED = 20_000  # occurrences kept although they are over, about 1 kB each; older ones are in the database
EPOCH = ""  # one memory knows one line only


class Standing(NamedTuple):
    """The last event of an alarm that is not NORM, and its number."""

    seq: int
    event: Event


class Book:
    """All alarms as the events so far leave them. `take` is given every event once, in order."""

    def __init__(self, most_closed: int = MOST_CLOSED) -> None:
        self.seq = 0
        self._most_closed = most_closed
        self._standing: dict[Place | str, Standing] = {}  # an excursion while offline by its alarm_id
        self._current: dict[Place, str] = {}  # the occurrence that the alarm is in, or was in last
        self._occurrences: dict[str, Occurrence] = {}  # in the order of their first event

    def take(self, seq: int, event: Event) -> None:
        """One event; its number must be greater than those before."""
        self.seq = seq
        if event.alarm == "POINT" or event.ev is Ev.LATE_VIOLATION or event.state is None:
            return
        key = _standing_of(event)
        if event.state is State.NORM:
            self._standing.pop(key, None)
        elif event.ev not in (Ev.REJECT, Ev.COMMENT) or key not in self._standing:
            self._standing[key] = Standing(seq, event)
        if event.alarm_id is not None:
            self._fold(seq, event)

    def stand(self, seq: int, events: Iterable[Event]) -> None:
        """What stands according to the engine's snapshot: nothing else does."""
        self.seq = max(self.seq, seq)
        self._standing = {}
        for event in events:
            self._standing[_standing_of(event)] = Standing(seq, event)
            if event.alarm_id is None or not (event.occ or event.is_offline):
                continue  # silenced while normal: there was no raise yet
            if event.alarm_id not in self._occurrences:
                self._begin(seq, event)
            self._fold(seq, event)

    def standing(self) -> Iterator[Standing]:
        """Every alarm that is not NORM, by its last event."""
        return iter(self._standing.values())

    def states(self, enterprise: str, tag: str, alarms: Iterable[str]) -> dict[str, str]:
        """The shown state of alarms of one tag."""
        found = {}
        for alarm in alarms:
            standing = self._standing.get((enterprise, tag, alarm))
            found[alarm] = str(standing.event.state) if standing else str(State.NORM)
        return found

    def occurrence(self, alarm_id: str) -> Occurrence | None:
        return self._occurrences.get(alarm_id)

    def occurrences(self, wanted: Callable[[Occurrence], bool]) -> list[Occurrence]:
        """Those that are wanted, newest raise first."""
        found = [one for one in self._occurrences.values() if wanted(one)]
        return sorted(found, key=lambda one: (one.raised_at, one.alarm_id), reverse=True)

    def _begin(self, seq: int, event: Event) -> None:
        """An occurrence whose raise is no longer known: its condition is the oldest that is."""
        one = begun(seq - 1, event, EPOCH)
        one.raised_at = event.t if event.ev is Ev.ACTIVE or event.since is None else event.since
        self._occurrences[one.alarm_id] = one
        if not one.is_offline:
            self._current[one.place] = one.alarm_id

    def _fold(self, seq: int, event: Event) -> None:
        """What the event makes of its occurrence, of the one before it, and of those that wait for its ack."""
        current = None if event.is_offline else self._current.get(place_of(event))
        ids = dict.fromkeys((current, event.alarm_id))
        known = [self._occurrences[id_] for id_ in ids if id_ in self._occurrences]
        folded = fold(known, [Numbered(seq, event)], EPOCH)
        for one in folded.changed:
            self._occurrences[one.alarm_id] = one
        if event.ev is Ev.ACTIVE and event.alarm_id is not None:
            if not event.is_offline:
                self._current[place_of(event)] = event.alarm_id
            self._forget()
        for ack in folded.acks:
            self._acknowledge_superseded(ack)

    def _acknowledge_superseded(self, ack: Ack) -> None:
        for one in self._occurrences.values():
            if one.state == SUPERSEDED and one.acked_at is None and one.place == ack.place:
                one.acked_at, one.acked_by = ack.at, ack.by

    def _forget(self) -> None:
        """The oldest that are over, once there are a tenth more than may be kept."""
        if len(self._occurrences) <= self._most_closed + self._most_closed // 10 + len(self._standing):
            return
        closed = [one.alarm_id for one in self._occurrences.values() if one.state in (State.NORM, SUPERSEDED)]
        for alarm_id in closed[: max(0, len(closed) - self._most_closed)]:
            one = self._occurrences.pop(alarm_id)
            if self._current.get(one.place) == alarm_id:
                del self._current[one.place]


def _standing_of(event: Event) -> Place | str:
    return str(event.alarm_id) if event.is_offline else place_of(event)
