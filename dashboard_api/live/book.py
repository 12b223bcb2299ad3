"""Alarm events to the list of occurrences: what stands now, and what was lately."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from alerting.events import Ev, Event, State

MOST_CLOSED = 20_000  # occurrences kept although they are over, about 1 kB each; older ones are in the database
SUPERSEDED = "SUPERSEDED"
NOT_OF_AN_OCCURRENCE = frozenset({Ev.LATE_VIOLATION, Ev.REJECT, Ev.COMMENT, Ev.CONFIG})


class AlarmKey(NamedTuple):
    """One alarm, whatever its occurrence."""

    enterprise: str
    tag: str
    alarm: str


class Occurrence(msgspec.Struct, frozen=True):
    """From one raise of an alarm to the next. Times are Unix milliseconds of event time, `acked_at` of the engine's.

    `state` is the shown state, or SUPERSEDED where the alarm was raised again before anybody acknowledged this one.
    """

    alarm_id: str
    enterprise: str
    source: str
    tag: str
    alarm: str
    priority: int | None
    state: str
    since: int | None
    raised_at: int
    seq: int
    occ: int | None = None
    returned_at: int | None = None
    acked_at: int | None = None
    acked_by: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    q: str | None = None
    received_at: int | None = None
    annunciated: bool = False
    late: bool = False
    exercise: bool = False
    unlogged: bool = False
    comment: str | None = None

    @property
    def key(self) -> AlarmKey:
        return AlarmKey(self.enterprise, self.tag, self.alarm)


class Standing(NamedTuple):
    """The last event of an alarm that is not NORM, and its number."""

    seq: int
    event: Event


class Book:
    """All alarms as the events so far leave them. `take` is given every event once, in order."""

    def __init__(self, most_closed: int = MOST_CLOSED) -> None:
        self.seq = 0
        self._most_closed = most_closed
        self._standing: dict[AlarmKey, Standing] = {}
        self._current: dict[AlarmKey, str] = {}  # the occurrence that the alarm is in, or was in last
        self._occurrences: dict[str, Occurrence] = {}  # in the order of their first event

    def take(self, seq: int, event: Event) -> None:
        """One event; its number must be greater than those before."""
        self.seq = seq
        if event.alarm == "POINT" or event.ev is Ev.LATE_VIOLATION or event.state is None:
            return
        key = AlarmKey(event.enterprise, event.tag, event.alarm)
        if event.state is State.NORM:
            self._standing.pop(key, None)
        elif event.ev not in (Ev.REJECT, Ev.COMMENT) or key not in self._standing:
            self._standing[key] = Standing(seq, event)
        if event.ev is Ev.ACTIVE:
            self._raise(seq, key, event)
        elif event.alarm_id in self._occurrences:
            self._move(seq, event)

    def stand(self, seq: int, events: Iterable[Event]) -> None:
        """What stands according to the engine's snapshot: nothing else does."""
        self.seq = max(self.seq, seq)
        self._standing = {}
        for event in events:
            key = AlarmKey(event.enterprise, event.tag, event.alarm)
            self._standing[key] = Standing(seq, event)
            if event.alarm_id is not None and event.occ and event.alarm_id not in self._occurrences:
                self._raise(seq, key, event)
            elif event.alarm_id in self._occurrences:
                self._move(seq, event)

    def standing(self) -> Iterator[Standing]:
        """Every alarm that is not NORM, by its last event."""
        return iter(self._standing.values())

    def states(self, enterprise: str, tag: str, alarms: Iterable[str]) -> dict[str, str]:
        """The shown state of alarms of one tag."""
        found = {}
        for alarm in alarms:
            standing = self._standing.get(AlarmKey(enterprise, tag, alarm))
            found[alarm] = str(standing.event.state) if standing else str(State.NORM)
        return found

    def occurrence(self, alarm_id: str) -> Occurrence | None:
        return self._occurrences.get(alarm_id)

    def occurrences(self, wanted: Callable[[Occurrence], bool]) -> list[Occurrence]:
        """Those that are wanted, newest raise first."""
        found = [one for one in self._occurrences.values() if wanted(one)]
        return sorted(found, key=lambda one: (one.raised_at, one.alarm_id), reverse=True)

    def _raise(self, seq: int, key: AlarmKey, event: Event) -> None:
        if event.alarm_id is None:
            return
        before = self._occurrences.get(self._current.get(key, ""))
        if before is not None and before.acked_at is None and before.state != State.NORM:
            self._occurrences[before.alarm_id] = msgspec.structs.replace(before, state=SUPERSEDED)
        self._current[key] = event.alarm_id
        raised = event.t if event.ev is Ev.ACTIVE else event.since
        self._occurrences[event.alarm_id] = Occurrence(
            alarm_id=event.alarm_id,
            enterprise=event.enterprise,
            source=event.source,
            tag=event.tag,
            alarm=event.alarm,
            priority=event.priority,
            state=str(event.state),
            since=event.since,
            raised_at=event.t if raised is None else raised,
            seq=seq,
            occ=event.occ,
            returned_at=event.t if event.ev is Ev.RTN else None,
            acked_at=event.t if event.ev is Ev.ACK else None,
            acked_by=event.user if event.ev is Ev.ACK else None,
            value=event.value,
            limit=event.limit,
            unit=event.unit,
            q=event.q,
            received_at=event.received_at,
            annunciated=bool(event.ann),
            late=event.late,
            exercise=event.exercise,
            unlogged=event.unlogged,
        )
        self._forget()

    def _move(self, seq: int, event: Event) -> None:
        before = self._occurrences[event.alarm_id or ""]
        changes: dict[str, object] = {"seq": seq}
        if event.ev is not Ev.REJECT:
            changes["state"] = str(event.state)
        if event.ann:
            changes["annunciated"] = True
        if event.comment and event.ev is not Ev.REJECT:
            changes["comment"] = event.comment
        if event.ev is Ev.RTN:
            changes["returned_at"] = event.t
        if event.ev is Ev.REALARM:
            changes["acked_at"] = changes["acked_by"] = None
        if event.ev is Ev.ACK:
            changes |= {"acked_at": event.t, "acked_by": event.user}
            self._acknowledge_superseded(before.key, event)
        self._occurrences[before.alarm_id] = msgspec.structs.replace(before, **changes)

    def _acknowledge_superseded(self, key: AlarmKey, event: Event) -> None:
        for one in list(self._occurrences.values()):
            if one.state == SUPERSEDED and one.acked_at is None and one.key == key:
                changed = msgspec.structs.replace(one, acked_at=event.t, acked_by=event.user)
                self._occurrences[one.alarm_id] = changed

    def _forget(self) -> None:
        """The oldest that are over, once there are a tenth more than may be kept."""
        if len(self._occurrences) <= self._most_closed + self._most_closed // 10 + len(self._standing):
            return
        closed = [one.alarm_id for one in self._occurrences.values() if one.state in (State.NORM, SUPERSEDED)]
        for alarm_id in closed[: max(0, len(closed) - self._most_closed)]:
            one = self._occurrences.pop(alarm_id)
            if self._current.get(one.key) == alarm_id:
                del self._current[one.key]
