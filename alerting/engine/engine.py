"""Ordered inputs to alarm events: the alarm engine, a pure function of what it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from alerting.engine import plans
from alerting.engine.arrivals import UNSEEN, Gateways
from alerting.engine.commands import act
from alerting.engine.dedupe import Hashes
from alerting.engine.detectors import DetectorState
from alerting.engine.past import Late, Past, PastState
from alerting.engine.points import BEFORE, LATEST, NEVER, NONE, Place, Point, Reading, Standing, Waiting
from alerting.engine.snapshot import SnapshotError, pack, unpack
from alerting.engine.state import ASLEEP, COLUMNS, State, chunks
from alerting.engine.sweep import QUALITY, Samples
from alerting.engine.timers import Timers, in_time
from alerting.engine.voice import Counters, Voice
from alerting.engine.watch import Watch
from alerting.engine.work import Work
from alerting.events import Ev, Event
from line.messages import Batch, Command, RegistryChange, Tick
from registry.alarms import AlarmSettings, Plan, PointSettings, RuleSettings


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of every tag that was ever heard, one entry a tag.

    `qualities` are 192, 64 or 0; where it is 0 `values` still holds the last usable value (NaN if there was none);
    `stale` marks those that have gone silent; `t_ms` event times, `at_ms` arrivals.
    """

    points: npt.NDArray[np.int32]
    t_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]
    stale: npt.NDArray[np.bool_]
    at_ms: npt.NDArray[np.int64]


class _Rest(msgspec.Struct):
    """What a snapshot holds beside the columns."""

    version: int
    clock: int
    count: int
    per_sample_late: bool
    counters: Counters
    tags: list[str]
    places: list[Place]
    profiles: list[AlarmSettings]
    standing: dict[int, Standing]
    waiting: dict[int, Waiting]
    confirms: dict[int, int]
    readings: dict[int, Reading]
    retired: list[int]
    rules: dict[int, RuleSettings]
    detectors: dict[int, DetectorState]
    delays: dict[int, list[tuple[int, int]]]
    spoken: dict[int, tuple[int, int]]
    past: PastState


class Engine:
    """All points of a partition under one plan. No clock, no I/O, no randomness: state changes by inputs alone.

    `per_sample_late`: every sample older than the last applied one makes an event (R2), as in replay; on the platform
    they are counted, and one event tells of each late excursion.
    """

    def __init__(self, plan: Plan, *, per_sample_late: bool = False) -> None:
        self.counters = Counters()
        self.version = plan.version
        self._per_sample_late = per_sample_late
        self._clock = BEFORE
        self._state = State()
        self._gateways = Gateways()
        self._hashes = Hashes()
        self._watch = Watch(self._state, self._gateways)
        self._timers = Timers(self._state, self._gateways, self._watch)
        self._past = Past(Engine)
        self.change(plan, BEFORE)

    # What comes in.

    def apply(self, message: Batch | Command | Tick | RegistryChange, at_ms: int) -> list[Event]:
        """The events of one input. `at_ms` is its own time on the engine's clock; a batch's messages carry theirs.

        A registry change is applied by `change`, with the plan that it announces; by itself it moves nothing.
        """
        match message:
            case Batch():
                return self._said(self._batch(message))
            case Command():
                return self._said(self._command(message, at_ms))
            case Tick():
                return self.advance(message.now_ms)
            case RegistryChange():
                return []

    def advance(self, now: int, points: Iterable[int] | None = None) -> list[Event]:
        """The engine's clock has come to `now`: timers that are due fire, in order of event time.

        With `points` only theirs do: for replaying several timelines that know nothing of each other in one engine.
        """
        events: list[Event] = []
        while points is None and (due := self._past.due) < now:
            events += self._fire(due + 1, None)
            events += self._past.settle(self._state, due + 1)
        return self._said(events + self._fire(now, points))

    def change(self, plan: Plan, at_ms: int) -> list[Event]:
        """A new version of the registry is in force: changed alarms as R13, new points, and an end to retired ones."""
        self._clock = max(self._clock, at_ms)
        voice = self._voice(self._clock)
        self._gateways.plan(plan.gateways)
        difference = plans.compare(self._state, plan)
        for slots in chunks(difference.gone):
            for point in self._state.load(slots):
                plans.retire(point, self._now(point), voice)
            for slot in slots:
                self._state.drop(slot)
        for slot, settings, digest in difference.changed:
            (point,) = self._state.load([slot])
            plans.alter(self._state, point, settings, digest, self._now(point), voice)
        plans.place(self._state, difference.new, None if self._per_sample_late or at_ms == BEFORE else self._clock)
        self._state.reset()
        self._gateways.gather(self._state.gateway)
        self._watch.connect(plan.rules)
        self.counters.rules_idle = self._watch.idle
        self._watch.detect(voice)
        self.version = plan.version
        return self._said(voice.events)

    # What it knows.

    def next_wake(self) -> int | None:
        """The engine's clock at which the next timer fires, for which a tick is wanted; None while none is running."""
        wake = min(self._timers.next_wake(), self._past.due + 1)
        return None if wake >= ASLEEP else wake

    def standing(self) -> list[Event]:
        """The last event of every alarm that is not NORM, excursions while offline with them."""
        live = [kept.last for kept in self._state.standing.values() if kept.last is not None]
        return [*live, *self._past.state.owed.values()]

    def states(self, point: int) -> dict[str, str]:
        """The shown state of each alarm of a point."""
        found = self._slots([point])
        return {alarm.name: alarm.state.value for p in self._state.load(found) for alarm in p.alarms}

    def latest(self) -> Latest:
        """The newest value of every tag."""
        state = self._state
        heard = state.quality[: state.count] != NONE
        heard[list(self._watch.rules)] = False
        rows = np.flatnonzero(heard)
        t = state.last_t[rows]
        back = np.array([0, 192, 64, 0], np.uint8)
        return Latest(
            points=state.ids[rows],
            t_ms=t,
            values=state.value[rows],
            qualities=back[state.quality[rows]],
            stale=state.stale[rows],
            at_ms=t + state.skew[rows],
        )

    # As a second copy of the rules (R15).

    @property
    def points(self) -> list[PointSettings]:
        """The tags, as a second copy takes them."""
        state = self._state
        return [plans.described(state, slot) for slot in np.flatnonzero(state.ids[: state.count] >= 0).tolist()]

    def newest_of(self, point: int) -> int:
        """The time of its last applied sample; BEFORE where there was none."""
        slots = self._slots([point])
        return int(self._state.last_t[slots[0]]) if slots else BEFORE

    def judge(self, late: Late) -> list[Event]:
        """Samples in order of time, arrival = event time, of nobody's gateway."""
        samples = Samples(
            order=np.arange(len(late.t)), message=np.zeros(len(late.t), np.int32),
            slots=self._state.slot_of[late.ids].astype(np.intp), t=late.t, value=late.value, quality=late.quality,
            at=late.t,
        )  # fmt: skip
        work = Work(self._state, self._gateways, self._watch, self._past, [NEVER], self._voice(self._clock))
        return work.run(samples, np.full(1, -1, np.int32))

    # Snapshots.

    def snapshot(self) -> bytes:
        """The whole state; an engine restored from it goes on as this one would have (R14)."""
        state = self._state
        rest = _Rest(
            version=self.version, clock=self._clock, count=state.count, per_sample_late=self._per_sample_late,
            counters=self.counters, tags=state.tags[: state.count].tolist(), places=state.places,
            profiles=state.profiles,
            standing=state.standing, waiting=state.waiting, confirms=state.confirms, readings=state.readings,
            retired=state.retired, rules=self._watch.rules, detectors=self._watch.keep(),
            delays={row: list(recent) for row, recent in self._gateways.delays.items()},
            spoken=self._gateways.spoken, past=self._past.keep(),
        )  # fmt: skip
        columns = {name: getattr(state, name)[: state.count] for name, _, _ in COLUMNS}
        columns["alarms"] = state.alarms[: state.count]
        columns |= {f"gateway_{name}": getattr(self._gateways, name) for name in Gateways.COLUMNS}
        columns["hashes"] = self._hashes.column()
        columns |= self._past.columns()
        return pack(columns, msgspec.msgpack.encode(rest))

    @classmethod
    def restore(cls, data: bytes, plan: Plan | None = None) -> Engine:
        """The engine of a snapshot, under the plan that it was taken with; SnapshotError where the bytes are not whole.

        Where a plan is given it must be of the snapshot's version: later versions come in as inputs, through `change`.
        """
        columns, packed = unpack(data)
        try:
            rest = msgspec.msgpack.decode(packed, type=_Rest)
        except msgspec.DecodeError as error:
            raise SnapshotError(f"a snapshot whose contents cannot be read: {error}") from error
        if plan is not None and plan.version != rest.version:
            raise SnapshotError(f"a snapshot under registry version {rest.version}, not {plan.version}")
        engine = cls(Plan(rest.version), per_sample_late=rest.per_sample_late)
        engine._load(columns, rest)
        return engine

    def _load(self, columns: dict[str, npt.NDArray[np.generic]], rest: _Rest) -> None:
        state = self._state
        state.grow(rest.count)
        state.count = rest.count
        for name, _, _ in COLUMNS:
            getattr(state, name)[: rest.count] = columns[name]
        state.alarms[: rest.count] = columns["alarms"]
        state.tags[: rest.count] = rest.tags
        for name in ("places", "profiles", "standing", "waiting", "confirms", "readings", "retired"):
            setattr(state, name, getattr(rest, name))
        state.reset()
        for name in Gateways.COLUMNS:
            setattr(self._gateways, name, columns[f"gateway_{name}"])
        self._gateways.delays = {row: deque(recent) for row, recent in rest.delays.items()}
        self._gateways.spoken = rest.spoken
        self._gateways.index()
        self._hashes = Hashes(columns["hashes"].astype(np.uint64))
        self.counters, self._clock = rest.counters, rest.clock
        self._gateways.gather(state.gateway)
        self._watch.restore(rest.rules, rest.detectors)
        self._past = Past(Engine, rest.past)
        self._past.restore(columns, Engine.restore)

    # Batches.

    def _batch(self, batch: Batch) -> list[Event]:
        samples = self._taken(batch)
        rows = self._gateways.rows_of(batch.gateways)
        usual = self._usual(batch, samples, rows)
        work = Work(self._state, self._gateways, self._watch, self._past, usual, self._voice(self._clock))
        return work.run(samples, rows)

    def _taken(self, batch: Batch) -> Samples:
        """The readings of messages not seen before, of points that the plan holds, with times that can be."""
        messages, message = len(batch.hashes), batch.message
        repeated = self._hashes.repeats(batch.hashes)
        state = self._state
        usable = (message >= 0) & (message < messages)
        at = batch.at_ms[np.where(usable, message, 0)] if messages else np.zeros(len(message), np.int64)
        for times in (batch.t_ms, at):
            usable &= (times < LATEST) & (times > -LATEST)
        known = (batch.points >= 0) & (batch.points < len(state.slot_of))
        slots = state.slot_of[np.where(known, batch.points, 0)] if len(state.slot_of) else np.full(len(known), -1)
        known &= slots >= 0
        counted = usable
        if repeated is not None:
            self.counters.repeats += int(repeated.sum())
            counted = usable & ~repeated[np.where(usable, message, 0)]
        self.counters.impossible += int(len(usable) - usable.sum())
        self.counters.unknown += int((counted & ~known).sum())
        self.counters.samples += int(counted.sum())
        order = np.flatnonzero(counted & known)
        if len(order):
            self._clock = max(self._clock, int(at[order].max()))
        every = len(order) == len(message)
        pick: npt.NDArray[np.intp] | slice = slice(None) if every else order
        return Samples(
            order=order,
            message=message[pick],
            slots=slots[pick].astype(np.intp),
            t=batch.t_ms[pick],
            value=batch.values[pick],
            quality=QUALITY[batch.qualities[pick]],
            at=at[pick],
        )

    def _usual(self, batch: Batch, samples: Samples, rows: npt.NDArray[np.int32]) -> list[int]:
        """The usual delay of each message's gateway; a source clock has none. What is replayed is late as it is old."""
        if batch.replayed:
            return [0] * len(rows)
        delay = np.full(len(rows), UNSEEN, np.int64)
        if (rows < 0).all():
            return [NEVER] * len(rows)
        np.minimum.at(delay, samples.message, samples.at - samples.t)
        on_source = self._gateways.source[np.where(rows < 0, 0, rows)]
        return self._gateways.measured(np.where(on_source, -1, rows), batch.at_ms, delay)

    # Commands.

    def _command(self, cmd: Command, at_ms: int) -> list[Event]:
        self._clock = clock = max(self._clock, at_ms)
        self.counters.commands += 1
        if cmd.alarm_id is not None and (answer := self._past.answer(cmd, clock)) is not None:
            return [answer]
        voice = self._voice(clock)
        slot = plans.find(self._state, cmd.enterprise, cmd.tag)
        if slot is not None and (row := int(self._state.gateway[slot])) >= 0 and self._gateways.flush_at[row] < clock:
            self._timers.flush(row, voice)
        point = None if slot is None else self._state.load([slot])[0]
        alarm = None if point is None else point.find(cmd.alarm)
        if point is None or alarm is None:
            self.counters.rejected += 1
            return [*voice.events, _unknown(cmd, clock)]
        act(point, alarm, cmd, self._now(point), voice)
        self._state.store([point])
        if cmd.cmd == "SET":
            self._state.digests[point.slot] = 0  # the next version of the registry is compared in full
        voice.command = None
        self._watch.detect(voice)
        return voice.events

    # Time.

    def _now(self, point: Point) -> int:
        """The point's own now (R15)."""
        if point.gateway >= 0:
            return int(self._gateways.newest_t[point.gateway])
        return self._clock - point.skew

    def _fire(self, now: int, points: Iterable[int] | None) -> list[Event]:
        self._clock = max(self._clock, now)
        voice = self._voice(now)
        self._timers.fire(now, None if points is None else self._slots(points), voice)
        return in_time(voice.events)

    # Small things.

    def _slots(self, points: Iterable[int]) -> list[int]:
        return self._state.slots(points)

    def _voice(self, clock: int) -> Voice:
        voice = Voice(self.counters, per_sample_late=self._per_sample_late)
        voice.clock = clock
        return voice

    def _said(self, events: list[Event]) -> list[Event]:
        self.counters.events += len(events)
        return events


def _unknown(cmd: Command, clock: int) -> Event:
    return Event(
        t=clock, alarm=cmd.alarm, ev=Ev.REJECT, enterprise=cmd.enterprise, tag=cmd.tag, reason="unknown_alarm",
        cmd=cmd.cmd, command=cmd.id or None, user=cmd.user or None, at=cmd.at_ms, comment=cmd.comment, occ=cmd.occ,
    )  # fmt: skip
