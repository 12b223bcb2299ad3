"""One occurrence of an alarm, what was said of it and to whom, to what each contact must still be told, and when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from alerting.events import Ev, Event, State
from alerting.occurrences import OWED, Place

LATE_MS = 60_000  # emitted or heard later than this: one notice an alarm, of its newest state
HOLD_MS, LONGEST_HOLD_MS = 2_000, 30_000  # how long after a late event the next ones are waited for
FIRST_RETRY_MS, LONGEST_RETRY_MS = 1_000, 60_000
JITTER = 0.25
RETURN_WORTH_MS = 3_600_000  # a return to normal is not worth telling after an hour of failures
NEVER = 2**62


class Progress(StrEnum):
    """Of one step to one contact; a step that nobody has begun has none."""

    SENDING = "sending"
    FAILED = "failed"
    SENT = "sent"


class Told(msgspec.Struct):
    """How far telling one contact of one step has come."""

    progress: Progress
    attempts: int = 0
    next_at: int = 0  # after a failure: the next attempt
    in_summary: bool = False  # it was told, or was to be told, together with others


class Case(msgspec.Struct):
    """One occurrence. Times are Unix milliseconds of the steady clock, `raised_at` and `returned_at` of the event.

    `rounds` counts annunciations: each asks for an answer anew. `hold_until` delays everything, because newer events
    are on their way. `told` is by step and contact, as in `key_of`.
    """

    alarm_id: str
    enterprise: str
    source: str
    tag: str
    alarm: str
    priority: int
    raised_at: int
    occ: int | None = None
    state: State = State.UNACK
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    exercise: bool = False
    late: bool = False
    rounds: int = 0
    annunciated_at: int = 0
    hold_until: int = 0
    held_since: int = 0
    returned_at: int | None = None
    return_heard_at: int = 0
    acked_by: str | None = None
    superseded: bool = False
    told: dict[str, Told] = {}

    @property
    def place(self) -> Place:
        return self.enterprise, self.tag, self.alarm

    @property
    def is_owed(self) -> bool:
        """Whether somebody must still answer."""
        return self.rounds > 0 and not self.superseded and self.state in OWED

    @property
    def has_ended(self) -> bool:
        """Whether the condition is gone."""
        return self.returned_at is not None or self.state is State.NORM


class Step(NamedTuple):
    """Something that a contact must be told, and from when on."""

    name: str  # raise-1, raise-2, ..., return
    due: int

    @property
    def is_return(self) -> bool:
        return self.name == RETURN


RETURN = "return"


@lru_cache(4_096)
def contact_id(name: str) -> str:
    """A contact in keys: a name may hold anything."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def key_of(alarm_id: str, step: str, contact: str) -> str:
    """The key of a notice: whatever is sent under it says the same thing to the same person."""
    return f"{alarm_id}.{step}.{contact_id(contact)}"


def opened(event: Event, now: int) -> Case:
    """A case for an occurrence that has just been raised, or that stands and was never heard of."""
    return Case(
        alarm_id=str(event.alarm_id),
        enterprise=event.enterprise,
        source=event.source,
        tag=event.tag,
        alarm=event.alarm,
        priority=event.priority or 4,
        raised_at=event.t,
        occ=event.occ,
        state=event.state or State.UNACK,
        value=event.value,
        limit=event.limit,
        unit=event.unit,
        exercise=event.exercise,
        annunciated_at=now,
    )


def hear(case: Case, event: Event, *, at: int, now: int, late: bool) -> None:
    """What an event makes of a case. `at` is when it was emitted, on the steady clock; `late`: see LATE_MS."""
    if event.state is not None:
        case.state = event.state
    if event.value is not None and event.ev in (Ev.ACTIVE, Ev.REALARM, Ev.UNSHELVED, Ev.UNSUPPRESSED, Ev.IN_SERVICE):
        case.value = event.value
    case.priority = event.priority or case.priority
    if event.ann:
        case.rounds += 1
        case.annunciated_at = at
        case.acked_by = None
    if event.ev is Ev.RTN or (case.state is State.NORM and case.returned_at is None):
        case.returned_at, case.return_heard_at = event.t, at
    if event.ev is Ev.ACK:
        case.acked_by = event.user
    if late:
        hold(case, now)


def hold(case: Case, now: int) -> None:
    """Nothing is said before newer events have had time to arrive."""
    case.late = True
    if not case.held_since or now > case.hold_until:
        case.held_since = now
    case.hold_until = min(now + HOLD_MS, case.held_since + LONGEST_HOLD_MS)


def wanted(case: Case, contact: str, escalate_ms: int) -> Iterator[Step]:
    """What this contact must be told that he has not been told, and from when on. The contact is one who matches."""
    if case.superseded:
        return
    if case.is_owed:
        name = f"raise-{case.rounds}"
        told = case.told.get(key_of(case.alarm_id, name, contact))
        if told is None or told.progress is not Progress.SENT:
            yield Step(name, _from(max(case.annunciated_at + escalate_ms, case.hold_until), told))
    if case.has_ended and knows_of_raise(case, contact):
        told = case.told.get(key_of(case.alarm_id, RETURN, contact))
        if told is None or told.progress is not Progress.SENT:
            yield Step(RETURN, _from(max(case.return_heard_at, case.hold_until), told))


def knows_of_raise(case: Case, contact: str) -> bool:
    """Whether a notice of its raise has reached the contact."""
    keys = (key_of(case.alarm_id, f"raise-{number}", contact) for number in range(1, case.rounds + 1))
    return any(key in case.told and case.told[key].progress is Progress.SENT for key in keys)


def is_closed(case: Case) -> bool:
    """Whether nobody will ever have to be told of it again, apart from what is still wanted."""
    in_hand = any(told.progress is Progress.SENDING for told in case.told.values())
    return not in_hand and (case.superseded or case.state is State.NORM)


def retry_ms(key: str, attempts: int) -> int:
    """How long to wait after so many failed attempts; the same for the same notice, different between notices."""
    pause = min(FIRST_RETRY_MS << min(attempts - 1, 10), LONGEST_RETRY_MS)
    spread = int.from_bytes(hashlib.sha256(f"{key} {attempts}".encode()).digest()[:4], "big") / 2**32
    return round(pause * (1 - JITTER + 2 * JITTER * spread))


def supersede(case: Case) -> None:
    """The alarm was raised again: what is to be said now is said of its new occurrence."""
    case.superseded = True


def _from(due: int, told: Told | None) -> int:
    if told is None:
        return due
    if told.progress is Progress.SENDING:
        return NEVER
    return max(due, told.next_at)
