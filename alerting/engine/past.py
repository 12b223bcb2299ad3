"""Samples older than what was applied already to the excursions that nobody saw: the second copy of the rules (R15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from alerting.engine import plans
from alerting.engine.points import BEFORE, NEVER, Point
from alerting.engine.state import State
from alerting.events import Ev, Event
from alerting.events import State as Shown
from line.messages import Command
from registry.alarms import Plan

if TYPE_CHECKING:
    from alerting.engine.engine import Engine

SETTLE_MS = 10_000  # of engine clock: what comes late in that time is put into order before it is judged
MOST_TOLD = 20_000  # excursions remembered, so that the same backlog sent twice lists none of them twice


class Span(NamedTuple):
    """When an alarm of the live copy was active: what falls into it was not missed."""

    alarm: str
    begin: int
    end: int


class PastState(msgspec.Struct):
    """What a snapshot holds of it, the samples not yet judged apart."""

    since: int = NEVER  # engine clock at which the oldest of the samples not yet judged came in
    newest: int = BEFORE  # engine clock at which the newest late sample came in
    copy: bytes = b""
    open: dict[int, dict[str, Event]] = {}  # point: alarm: the raise of an excursion that has not ended
    seen: dict[int, list[Span]] = {}  # point: what the live copy said when its backlog began
    owed: dict[str, Event] = {}  # by alarm_id: the return of those that wait for an acknowledgement
    told: dict[str, None] = {}  # by alarm_id


class Past:
    """A second engine, that exists while somebody sends his backlog; its points are those that got late samples.

    Late samples wait until ten seconds of engine clock are over and are then put through the rules in order of time,
    arrival = event time. Each excursion that does not touch one of the live copy becomes one occurrence: its raise and
    its return are told together, late and never annunciated, and it owes an acknowledgement of its own. A piece of
    backlog that is older than what was judged already begins anew.
    """

    def __init__(self, begin: Callable[[Plan], Engine], state: PastState | None = None) -> None:
        self._begin = begin
        self.state = state or PastState()
        self.copy: Engine | None = None
        self._waiting: list[Late] = []

    # Late samples in.

    def unseen(self, ids: npt.NDArray[np.int32]) -> list[int]:
        """Those of these points of which nothing has come late yet."""
        return [point for point in np.unique(ids).tolist() if point not in self.state.seen]

    def see(self, identity: int, point: Point) -> None:
        """The first late sample of a point: what the live copy says of it then."""
        if identity not in self.state.seen:
            self.state.seen[identity] = list(_spans(point))

    def add(self, late: Late, first: int, newest: int) -> None:
        """Samples that came too late for the live copy, and the arrivals of the first and the newest of them."""
        s = self.state
        self._waiting.append(late)
        s.since = min(s.since, first)
        s.newest = max(s.newest, newest)

    @property
    def due(self) -> int:
        """The engine's clock after which `settle` has something to do."""
        s = self.state
        if s.since != NEVER:
            return s.since + SETTLE_MS
        return s.newest + SETTLE_MS if self.copy is not None else NEVER

    # Excursions out.

    def settle(self, live: State, clock: int) -> list[Event]:
        """What came late is judged; when nothing more has come for a while, open excursions end and the copy goes."""
        events = self._judge(live)
        if self.state.newest + SETTLE_MS < clock:
            events += self._close(live)
        return events

    def _judge(self, live: State) -> list[Event]:
        late = Late.joined(self._waiting)
        self._waiting, self.state.since = [], NEVER
        late = late.of(live.ids[: live.count])
        if not len(late.ids):
            return []
        said = self._end(live, self._further_back(late.earliest()))
        copy = self._copy(live, late)
        for event in copy.judge(late.in_order()):
            said += self._told(live, event)
        return said

    def _further_back(self, earliest: dict[int, int]) -> list[int]:
        """Points whose samples are older than what was judged of them already."""
        copy = self.copy
        return [] if copy is None else [point for point, t in earliest.items() if t < copy.newest_of(point)]

    def _copy(self, live: State, late: Late) -> Engine:
        """The second engine, with a point for each of these, in its first state where the samples go back."""
        if self.copy is None:
            self.copy = self._begin(Plan(0))
        copy = self.copy
        earliest = late.earliest()
        back = set(self._further_back(earliest))
        kept = [settings for settings in copy.points if settings.id not in back]
        if back:
            copy.change(Plan(0, tuple(kept)), BEFORE)
        new = live.slots(earliest.keys() - {settings.id for settings in kept})
        if new:
            every = [*kept, *(plans.described(live, slot) for slot in new)]
            copy.change(Plan(0, tuple(sorted(every, key=lambda settings: settings.id))), BEFORE)
        return copy

    def _told(self, live: State, event: Event) -> list[Event]:
        slot = plans.find(live, event.enterprise, event.tag)
        if slot is None or event.alarm == "POINT":
            return []
        open_ = self.state.open.setdefault(int(live.ids[slot]), {})
        if event.ev is Ev.ACTIVE:
            open_[event.alarm] = event
        elif event.ev is Ev.RTN and (raised := open_.pop(event.alarm, None)) is not None:
            return self._occurrence(live, slot, raised, event.t, event.value)
        return []

    def _close(self, live: State) -> list[Event]:
        """Nothing more comes: what is open has ended with the backlog, and the copy is not needed any more."""
        events = self._end(live, sorted(self.state.open))
        self.copy = None
        self.state.seen = {}
        return events

    def _end(self, live: State, points: Iterable[int]) -> list[Event]:
        events: list[Event] = []
        for point in points:
            alarms = self.state.open.pop(point, {})
            end = BEFORE if self.copy is None else self.copy.newest_of(point)
            for slot in live.slots([point]):
                for raised in alarms.values():
                    events += self._occurrence(live, slot, raised, max(raised.t, end), None)
        return events

    def _occurrence(self, live: State, slot: int, raised: Event, t: int, value: float | None) -> list[Event]:
        """One excursion while offline, unless the live copy had it, or it was told before."""
        s = self.state
        (point,) = live.load([slot])
        alarm = point.find(raised.alarm)
        key = str(raised.alarm_id)
        spans = [*s.seen.get(int(live.ids[slot]), []), *_spans(point)]
        if alarm is None or key in s.told or any(_touch(span, raised, t) for span in spans):
            return []
        s.told[key] = None
        if len(s.told) > MOST_TOLD:
            del s.told[next(iter(s.told))]
        owes = alarm.visible and (alarm.settings.ack_rtn or alarm.settings.latch)
        began = msgspec.structs.replace(
            raised, state=Shown.UNACK if owes else Shown.ACKED, occ=0, ann=False, late=True,
            exercise=point.place.exercise, received_at=s.newest,
        )  # fmt: skip
        ended = msgspec.structs.replace(
            began, ev=Ev.RTN, t=t, value=value, ann=None, state=Shown.RTNUN if owes else Shown.NORM
        )
        if owes:
            s.owed[key] = ended
        return [began, ended]

    # Commands.

    def answer(self, cmd: Command, clock: int) -> Event | None:
        """What a command on an excursion while offline comes to; None where it is about none."""
        owed = self.state.owed.get(cmd.alarm_id or "")
        if owed is None:
            if cmd.alarm_id not in self.state.told:
                return None
            return _refused(cmd, clock, "nothing_to_ack" if cmd.cmd == "ACK" else "unknown_command")
        about = {"t": clock, "value": None, "cmd": cmd.cmd, "command": cmd.id or None, "user": cmd.user or None,
                 "at": cmd.at_ms, "comment": cmd.comment}  # fmt: skip
        if cmd.cmd == "ACK":
            del self.state.owed[owed.alarm_id or ""]
            return msgspec.structs.replace(owed, ev=Ev.ACK, state=Shown.NORM, **about)
        if cmd.cmd == "COMMENT":
            return msgspec.structs.replace(owed, ev=Ev.COMMENT, **about)
        return msgspec.structs.replace(owed, ev=Ev.REJECT, reason="not_resettable", **about)

    # Snapshots.

    def keep(self) -> PastState:
        """What a snapshot holds beside `columns`."""
        return msgspec.structs.replace(self.state, copy=b"" if self.copy is None else self.copy.snapshot())

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The samples that wait."""
        late = Late.joined(self._waiting)
        return {f"past_{name}": getattr(late, name) for name in Late.__slots__}

    def restore(self, columns: dict[str, npt.NDArray[np.generic]], resume: Callable[[bytes], Engine]) -> None:
        """Goes on where a snapshot was taken."""
        late = Late(**{name: columns[f"past_{name}"] for name in Late.__slots__})  # type: ignore[arg-type] # by name
        self._waiting = [late] if len(late.ids) else []
        if self.state.copy:
            self.copy, self.state.copy = resume(self.state.copy), b""


class Late:
    """Samples by point id, one entry each; `quality` as the engine counts it, `order` their place in their batch."""

    __slots__ = ("ids", "order", "quality", "t", "value")

    def __init__(
        self,
        ids: npt.NDArray[np.int32],
        t: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint8],
        order: npt.NDArray[np.intp],
    ) -> None:
        self.ids, self.t, self.value, self.quality, self.order = ids, t, value, quality, order

    @classmethod
    def of_rows(cls, rows: list[tuple[int, int, float, int, int]]) -> Late:
        """Of point, time, value, quality and order."""
        ids, t, value, quality, order = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        return cls(
            np.array(ids, np.int32), np.array(t, np.int64), np.array(value, np.float64), np.array(quality, np.uint8),
            np.array(order, np.intp),
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Iterable[Late]) -> Late:
        """All of them, one part after the other."""
        every = [cls.of_rows([]), *parts]
        return cls(
            np.concatenate([part.ids for part in every]),
            np.concatenate([part.t for part in every]),
            np.concatenate([part.value for part in every]),
            np.concatenate([part.quality for part in every]),
            np.concatenate([part.order for part in every]),
        )

    def of(self, points: npt.NDArray[np.int32]) -> Late:
        """Those of these points."""
        return self._take(np.flatnonzero(np.isin(self.ids, points)))

    def as_it_came(self) -> Late:
        """By the place in the batch."""
        return self._take(np.argsort(self.order, kind="stable"))

    def in_order(self) -> Late:
        """By event time; equal times as they came."""
        return self._take(np.argsort(self.t, kind="stable"))

    def earliest(self) -> dict[int, int]:
        """The oldest time of each point."""
        ids, first = np.unique(self.ids, return_inverse=True)
        oldest = np.full(len(ids), NEVER, np.int64)
        np.minimum.at(oldest, first, self.t)
        return dict(zip(ids.tolist(), oldest.tolist(), strict=True))

    def _take(self, rows: npt.NDArray[np.intp]) -> Late:
        return Late(self.ids[rows], self.t[rows], self.value[rows], self.quality[rows], self.order[rows])


def _spans(point: Point) -> Iterable[Span]:
    for a in point.alarms:
        if a.raised_t != BEFORE:
            yield Span(a.name, a.raised_t, NEVER if a.active else a.change_t)


def _touch(span: Span, raised: Event, t: int) -> bool:
    return span.alarm == raised.alarm and span.begin <= t and raised.t <= span.end


def _refused(cmd: Command, clock: int, reason: str) -> Event:
    return Event(
        t=clock, alarm=cmd.alarm, ev=Ev.REJECT, enterprise=cmd.enterprise, tag=cmd.tag, alarm_id=cmd.alarm_id, occ=0,
        late=True, state=Shown.NORM, reason=reason, cmd=cmd.cmd, command=cmd.id or None, user=cmd.user or None,
        at=cmd.at_ms, comment=cmd.comment,
    )  # fmt: skip
