"""Alarm events and outcomes of sending to what is to be sent next, to whom, and how much of it at once."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from alerting.events import Ev, Event, State
from alerting.notifier.attempts import Attempt, Kind, Outcome
from alerting.notifier.escalation import (
    LATE_MS,
    NEVER,
    RETURN,
    RETURN_WORTH_MS,
    Case,
    Progress,
    Step,
    Told,
    contact_id,
    hear,
    hold,
    is_closed,
    key_of,
    opened,
    retry_ms,
    supersede,
    wanted,
)
from alerting.notifier.grouping import Window
from alerting.occurrences import NOT_ABOUT_ONE, OWED, place_of
from registry.site import Contact, Site

AT_ONCE, URGENT_AT_ONCE = 2, 3  # sends under way on one channel; the last one is kept for priority 1
OUTER = {"H": "HH", "L": "LL"}  # whose notice stands for both


class Emitted(NamedTuple):
    """When events were emitted, on the steady clock, and how long their input had waited before."""

    at: int
    behind_ms: int = 0


class Item(NamedTuple):
    """A step of a case for a contact; sorted by what is told first."""

    priority: int
    due: int
    alarm_id: str
    step: str
    contact: str

    @property
    def key(self) -> str:
        return key_of(self.alarm_id, self.step, self.contact)


class Sending(NamedTuple):
    """One notice on its way: `items` are all that it says; more than one is a summary."""

    key: str
    kind: Kind
    contact: Contact
    attempt: int
    items: tuple[Item, ...]
    cases: tuple[Case, ...]  # as they were when it was written


class DeskState(msgspec.Struct):
    """What is kept between two lives: everything said up to `alarm_seq` is in the cases."""

    epoch: str = ""
    alarm_seq: int = 0
    cases: list[Case] = []


class Desk:
    """Decides and remembers; whoever drives it sends. All times are given, in milliseconds of the steady clock."""

    def __init__(self, cases: Iterable[Case] = ()) -> None:
        self._cases = {case.alarm_id: case for case in cases}
        for case in self._cases.values():
            for told in case.told.values():
                if told.progress is Progress.SENDING:  # by a life that is over: whether it arrived nobody knows
                    told.progress, told.next_at = Progress.FAILED, 0
        self._newest = {case.place: case for case in sorted(self._cases.values(), key=lambda case: case.raised_at)}
        self._contacts: dict[str, Contact] = {}
        self._regions: dict[str, frozenset[str]] = {}  # enterprise: its region and all above
        self._told_by: dict[str, list[Contact]] = {}  # enterprise: whom its alarms may concern
        self._agenda: list[tuple[int, str]] = []  # when to look at which case
        self._ready: dict[str, list[Item]] = defaultdict(list)  # by channel
        self._queued: set[str] = set()  # keys in _ready or in _held
        self._held: dict[str, list[Item]] = defaultdict(list)  # by contact: waits for its summary
        self._summary_next: dict[str, tuple[int, int]] = {}  # by contact: failed attempts, next attempt
        self._windows: dict[str, Window] = defaultdict(Window)
        self._sending: dict[str, int] = defaultdict(int)  # by channel
        self._recalled: dict[str, dict[str, Told]] = defaultdict(dict)  # by alarm_id: said before this life began
        self._unsent: dict[str, dict[str, int]] = defaultdict(dict)  # by alarm_id and key: since when it should be sent

    # What is heard

    def arrange(self, site: Site, now: int) -> None:
        """The contacts of a version of the site."""
        self._contacts = dict(site.contacts)
        self._regions = {code: frozenset(_upwards(site, one.region)) for code, one in site.enterprises.items()}
        self._told_by = {}
        for case in self._cases.values():
            heapq.heappush(self._agenda, (now, case.alarm_id))

    def hear(self, events: Sequence[Event], emitted: Emitted, now: int) -> None:
        """The events of one message of ALARM."""
        late = emitted.behind_ms > LATE_MS or now - emitted.at > LATE_MS
        for event in events:
            if event.alarm_id is None or event.ev in NOT_ABOUT_ONE:
                continue
            case = self._cases.get(event.alarm_id)
            if case is None:
                if event.ev is not Ev.ACTIVE and not event.ann:
                    continue
                case = self._open(event, emitted.at, now)
            hear(case, event, at=min(emitted.at, now), now=now, late=late)
            heapq.heappush(self._agenda, (now, case.alarm_id))

    def adopt(self, standing: Sequence[Event], now: int) -> None:
        """What stands according to the engine, where events were missed: one notice of each at most, of its state."""
        places = {place_of(event): event for event in standing}
        for case in list(self._cases.values()):
            event = places.get(case.place)
            if event is None or event.alarm_id != case.alarm_id:
                case.state, case.returned_at = State.NORM, case.returned_at or now
                case.return_heard_at = now
                hold(case, now)
            elif event.state is not None:
                case.state = event.state
            heapq.heappush(self._agenda, (now, case.alarm_id))
        for (enterprise, tag, alarm), event in places.items():
            outer = places.get((enterprise, tag, OUTER.get(alarm, "")))
            stands_for_it = outer is not None and outer.state in OWED
            if event.alarm_id is None or event.alarm_id in self._cases or event.state not in OWED or stands_for_it:
                continue
            case = self._open(event, now, now)
            case.rounds = 1
            hold(case, now)
            heapq.heappush(self._agenda, (now, case.alarm_id))

    def recall(self, attempts: Iterable[Attempt], now: int) -> None:
        """What was sent before this life began; an attempt without an outcome is made again."""
        for attempt in sorted(attempts, key=lambda attempt: (attempt.at, attempt.attempt)):
            if attempt.attempt == 1 and attempt.at > now - 60_000:
                self._windows[attempt.contact].sent(attempt.at)
            for key in attempt.covers or (attempt.key,):
                alarm_id = key.partition(".")[0]
                self._recalled[alarm_id][key] = _told(attempt, key)
                if alarm_id in self._cases:
                    self._cases[alarm_id].told[key] = _told(attempt, key)
                    heapq.heappush(self._agenda, (now, alarm_id))

    def case(self, alarm_id: str) -> Case | None:
        return self._cases.get(alarm_id)

    def cases(self) -> list[Case]:
        return list(self._cases.values())

    # What is to be sent

    def due(self, now: int) -> list[Sending]:
        """What is to be sent now; each must be answered by `done`."""
        self._look(now)
        found: list[Sending] = []
        for channel, items in self._ready.items():
            found += self._from_channel(channel, items, now)
        for contact in [name for name, items in self._held.items() if items]:
            summary = self._summary(contact, now)
            if summary is not None:
                found.append(summary)
        return found

    def next_wake(self, now: int) -> int:
        """When `due` may have something new; it is asked again after every event and every outcome anyway."""
        wakes = [self._agenda[0][0]] if self._agenda else []
        for contact, items in self._held.items():
            if items:
                wakes.append(max(self._windows[contact].opens_at(now), self._summary_next.get(contact, (0, 0))[1]))
        return min(wakes, default=NEVER)

    def done(self, sending: Sending, error: str | None, now: int) -> None:
        """What became of a sending."""
        self._sending[sending.contact.channel] -= 1
        next_at = now + retry_ms(sending.key, sending.attempt)
        for item, case in zip(sending.items, sending.cases, strict=True):
            told = Told(Progress.SENT, sending.attempt)
            if error is not None:
                told = Told(Progress.FAILED, sending.attempt, next_at, sending.kind is Kind.SUMMARY)
            current = self._cases.get(item.alarm_id)
            if current is None:
                continue
            current.told[item.key] = told
            if error is None:
                self._unsent[item.alarm_id].pop(item.key, None)
                if item.step != RETURN and case.has_ended:  # it said both
                    current.told[key_of(item.alarm_id, RETURN, item.contact)] = Told(Progress.SENT)
            heapq.heappush(self._agenda, (now, item.alarm_id))
        if sending.kind is Kind.SUMMARY:
            failed = error is not None
            self._summary_next[sending.contact.name] = (sending.attempt, next_at) if failed else (0, 0)

    def oldest_unsent(self) -> int | None:
        """Since when a notice waits that should have been sent; None where none does."""
        return min((since for keys in self._unsent.values() for since in keys.values()), default=None)

    # Inside

    def _open(self, event: Event, at: int, now: int) -> Case:
        case = opened(event, min(at, now))
        before = self._newest.get(case.place)
        if before is not None and before.alarm_id != case.alarm_id:
            supersede(before)
            case.hold_until, case.held_since = before.hold_until, before.held_since
            heapq.heappush(self._agenda, (now, before.alarm_id))
        case.told.update(self._recalled.get(case.alarm_id, {}))
        self._cases[case.alarm_id] = self._newest[case.place] = case
        return case

    def _look(self, now: int) -> None:
        """Takes from the agenda what is due: cases, each of which may have something for several contacts."""
        seen: set[str] = set()
        while self._agenda and self._agenda[0][0] <= now:
            alarm_id = heapq.heappop(self._agenda)[1]
            case = self._cases.get(alarm_id)
            if case is None or alarm_id in seen:
                continue
            seen.add(alarm_id)
            still = {
                key_of(alarm_id, step.name, contact.name)
                for contact in self._concerned(case)
                for step in wanted(case, contact.name, _escalate_ms(contact))
                if self._plan(case, contact, step, now)
            }
            unsent = self._unsent.get(alarm_id, {})
            for key in unsent.keys() - still:
                del unsent[key]
            if not still and is_closed(case):
                self._close(case)

    def _plan(self, case: Case, contact: Contact, step: Step, now: int) -> bool:
        """Queues a step, or notes when to look again; false where it is not worth telling any more."""
        item = Item(case.priority, step.due, case.alarm_id, step.name, contact.name)
        if step.is_return and now - case.return_heard_at > RETURN_WORTH_MS:
            return False
        if step.due > now:
            if step.due < NEVER:
                heapq.heappush(self._agenda, (step.due, case.alarm_id))
        elif item.key not in self._queued:
            self._queued.add(item.key)
            heapq.heappush(self._ready[contact.channel], item)
            self._unsent[item.alarm_id].setdefault(item.key, step.due)
        return True

    def _from_channel(self, channel: str, items: list[Item], now: int) -> list[Sending]:
        """As much of a channel's queue as it may take now, the most urgent first."""
        found = []
        while items and self._sending[channel] < (URGENT_AT_ONCE if items[0].priority == 1 else AT_ONCE):
            item = heapq.heappop(items)
            self._queued.discard(item.key)
            if not self._is_wanted(item, now):
                self._unsent[item.alarm_id].pop(item.key, None)
                continue
            told = self._cases[item.alarm_id].told.get(item.key)
            first = told is None or told.attempts == 0
            window = self._windows[item.contact]
            waits = bool(self._held[item.contact]) or not window.admits(now, item.priority)
            if item.priority > 1 and ((first and waits) or (told is not None and told.in_summary)):
                self._held[item.contact].append(item)
                self._queued.add(item.key)
                self._unsent[item.alarm_id].pop(item.key, None)  # it waits as it should
                continue
            if first:
                window.sent(now)
            found.append(self._begin(self._contacts[item.contact], (item,), now))
        return found

    def _summary(self, contact: str, now: int) -> Sending | None:
        """Everything that waits for one contact, in one notice."""
        window, (failed, next_at) = self._windows[contact], self._summary_next.get(contact, (0, 0))
        if window.opens_at(now) > now or next_at > now:
            return None
        items = sorted(self._held[contact])
        still = [item for item in items if self._is_wanted(item, now)]
        known = self._contacts.get(contact)
        if known is not None and still and self._sending[known.channel] >= AT_ONCE:
            return None
        self._held[contact] = []
        self._queued.difference_update(item.key for item in items)
        if known is None or not still:
            return None
        window.sent(now)
        return self._begin(known, tuple(still), now, attempt=failed + 1)

    def _begin(self, contact: Contact, items: tuple[Item, ...], now: int, attempt: int = 1) -> Sending:
        cases = [self._cases[item.alarm_id] for item in items]
        first = items[0]
        if len(items) == 1:
            told = cases[0].told.get(first.key)
            attempt = (told.attempts if told else 0) + 1
            key, kind = first.key, Kind.RETURN if first.step == RETURN else Kind.RAISE
        else:
            key, kind = f"summary-{now}.summary.{contact_id(contact.name)}", Kind.SUMMARY
        for item, case in zip(items, cases, strict=True):
            case.told[item.key] = Told(Progress.SENDING, attempt)
            self._unsent[item.alarm_id].setdefault(item.key, item.due)
        self._sending[contact.channel] += 1
        copies = tuple(msgspec.structs.replace(case) for case in cases)
        return Sending(key, kind, contact, attempt, items, copies)

    def _is_wanted(self, item: Item, now: int) -> bool:
        """Whether it is still to be said: somebody may have answered meanwhile, or the contact is gone."""
        case, contact = self._cases.get(item.alarm_id), self._contacts.get(item.contact)
        if case is None or contact is None or contact not in self._concerned(case):
            return False
        return any(
            step.name == item.step and step.due <= now for step in wanted(case, item.contact, _escalate_ms(contact))
        )

    def _concerned(self, case: Case) -> list[Contact]:
        if case.enterprise not in self._told_by:
            regions = self._regions.get(case.enterprise, frozenset())
            self._told_by[case.enterprise] = [
                contact for contact in self._contacts.values() if concerns(contact, case.enterprise, regions)
            ]
        return [contact for contact in self._told_by[case.enterprise] if case.priority <= contact.min_priority]

    def _close(self, case: Case) -> None:
        del self._cases[case.alarm_id]
        self._unsent.pop(case.alarm_id, None)
        self._recalled.pop(case.alarm_id, None)
        if self._newest.get(case.place) is case:
            del self._newest[case.place]


def concerns(contact: Contact, enterprise: str, regions: frozenset[str]) -> bool:
    """Whether alarms of an enterprise in these regions concern a contact: by either, and by all where he names none."""
    if not contact.enterprise and not contact.region:
        return True
    return contact.enterprise == enterprise or (bool(contact.region) and contact.region in regions)


def _escalate_ms(contact: Contact) -> int:
    return round(contact.escalate_after_s * 1000)


def _upwards(site: Site, region: str) -> Iterable[str]:
    seen: set[str] = set()
    while region and region not in seen:
        seen.add(region)
        yield region
        found = site.regions.get(region)
        region = found.parent if found else ""


def _told(attempt: Attempt, key: str) -> Told:
    match attempt.outcome:
        case Outcome.SENT:
            return Told(Progress.SENT, attempt.attempt)
        case Outcome.SENDING:
            return Told(Progress.FAILED, attempt.attempt, 0, bool(attempt.covers))
        case Outcome.FAILED:
            next_at = (attempt.done_at or attempt.at) + retry_ms(key, attempt.attempt)
            return Told(Progress.FAILED, attempt.attempt, next_at, bool(attempt.covers))
