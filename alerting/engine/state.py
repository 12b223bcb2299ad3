"""The engine's state as numpy columns, one row a point and one an alarm; rows to point objects and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from math import inf, nextafter
from typing import Any

import numpy as np
import numpy.typing as npt

from alerting.engine.points import (
    BEFORE,
    NEVER,
    NONE,
    RULE_LIMIT,
    Alarm,
    Place,
    Point,
    Reading,
    Standing,
    Waiting,
    profile_of,
    rule_profile,
    settings_of,
)
from alerting.engine.rules import timers
from registry.alarms import LEVELS, AlarmSettings, PointSettings, RuleSettings

CHUNK = 4_096  # points made to objects at once: bounds the memory of a moment
TEXT = np.dtypes.StringDType()  # 16 bytes a tag of at most 15
BLOCK = 512  # points whose next wake is kept as one figure
ASLEEP = 2**61  # a wake at or beyond this is none
LARGEST = float(np.finfo(np.float64).max)

# One alarm. `profile` numbers its settings without the limit, -1 where the point has no such level.
ALARM = np.dtype(
    [
        ("limit", "<f8"), ("profile", "<i4"), ("flags", "<u2"), ("nth", "<u2"), ("occ", "<i4"),
        ("since", "<i8"), ("due", "<i8"), ("change_t", "<i8"), ("raised_t", "<i8"),
    ]
)  # fmt: skip
C, ACTIVE, UNACKED, LATCHED, SHELVED, SUPPRESSED, OOS, ONESHOT, LATE = (1 << bit for bit in range(9))
NO_ALARM = (0.0, -1, 0, 0, 0, 0, NEVER, BEFORE, BEFORE)

# Settings that many alarms share, as columns.
PROFILE = np.dtype(
    [
        ("deadband", "<f8"), ("on", "<i8"), ("off", "<i8"), ("realarm", "<i8"),
        ("latch", "|b1"), ("ack_rtn", "|b1"), ("priority", "|u1"),
    ]
)  # fmt: skip

# One point: column, type, and its value for a row without a point. `fence` is its earliest timer of event time;
# between `quiet_lo` and `quiet_hi` no condition flips (empty where every sample must take the scalar path).
COLUMNS: tuple[tuple[str, str, Any], ...] = (
    ("ids", "<i4", -1),
    ("place", "<i4", 0),
    ("names", "<u4", 0),  # hash of enterprise and tag, to find a point by its name
    ("digests", "<u8", 0),  # hash of its settings, to see what a new plan changes
    ("stale_ms", "<i8", NEVER),
    ("lag", "<i4", 0),
    ("last_t", "<i8", BEFORE),
    ("value", "<f8", np.nan),
    ("quality", "|u1", NONE),
    ("stale", "|b1", False),
    ("skew", "<i8", 0),
    ("status_t", "<i8", BEFORE),
    ("fired_t", "<i8", BEFORE),
    ("gateway", "<i4", -1),
    ("watched", "|b1", False),
    ("timer_due", "<i8", NEVER),
    ("fence", "<i8", NEVER),
    ("quiet_lo", "<f8", inf),
    ("quiet_hi", "<f8", -inf),
)
# What a point object takes from the columns, in the order of Point's fields, and what it gives back.
LOADED = (
    "place", "stale_ms", "lag", "fence",
    "last_t", "value", "quality", "stale", "skew", "status_t", "fired_t", "gateway", "watched",
)  # fmt: skip
STORED = LOADED[4:]
DERIVED = ("timer_due", "fence", "quiet_lo", "quiet_hi")


class State:
    """All points. What few points have is kept in dictionaries beside the columns, by slot or by (slot * 4 + level)."""

    ids: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    names: npt.NDArray[np.uint32]
    digests: npt.NDArray[np.uint64]
    stale_ms: npt.NDArray[np.int64]
    lag: npt.NDArray[np.int32]
    last_t: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    stale: npt.NDArray[np.bool_]
    skew: npt.NDArray[np.int64]
    status_t: npt.NDArray[np.int64]
    fired_t: npt.NDArray[np.int64]
    gateway: npt.NDArray[np.int32]
    watched: npt.NDArray[np.bool_]
    timer_due: npt.NDArray[np.int64]
    fence: npt.NDArray[np.int64]
    quiet_lo: npt.NDArray[np.float64]
    quiet_hi: npt.NDArray[np.float64]

    def __init__(self) -> None:
        self.count = 0  # rows in use, those of retired points included
        self.capacity = 0
        for name, kind, fill in COLUMNS:
            setattr(self, name, np.full(0, fill, kind))
        self.alarms: npt.NDArray[Any] = np.zeros((0, len(LEVELS)), ALARM)
        self.tags: npt.NDArray[Any] = np.full(0, "", TEXT)
        self.places: list[Place] = []
        self.profiles: list[AlarmSettings] = []
        self.standing: dict[int, Standing] = {}
        self.waiting: dict[int, Waiting] = {}
        self.confirms: dict[int, int] = {}  # slot: engine clock at which a late raise of it is due
        self.readings: dict[int, Reading] = {}  # slot of a rule: what its events show
        self.retired: list[int] = []  # rows free for new points
        self.future_ms: npt.NDArray[np.int64] | None = None  # max_future_ms of each point, where any has one
        self.dirty: npt.NDArray[np.bool_] = np.ones(0, np.bool_)  # blocks whose wake is not known any more
        self.block_wake: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.scratch: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.reset()

    # In memory only: they follow from the columns above.

    def reset(self) -> None:
        """Makes anew what follows from the columns."""
        self._place_code = {place: code for code, place in enumerate(self.places)}
        self._profile_code = {profile: code for code, profile in enumerate(self.profiles)}
        self._profile_table: npt.NDArray[Any] = np.zeros(0, PROFILE)
        used = self.ids[: self.count]
        self.slot_of: npt.NDArray[np.int32] = np.full(int(used.max(initial=-1)) + 1, -1, np.int32)
        live = np.flatnonzero(used >= 0)
        self.slot_of[used[live]] = live
        self.dirty[:] = True
        limits = np.array([NEVER if p.max_future_ms is None else p.max_future_ms for p in self.places], np.int64)
        self.future_ms = limits[self.place] if (limits < NEVER).any() else None

    def grow(self, count: int) -> None:
        """Room for so many more points."""
        needed = -(-(self.count + count) // BLOCK) * BLOCK
        if needed <= self.capacity:
            return
        for name, kind, fill in COLUMNS:
            column = np.full(needed, fill, kind)
            column[: self.capacity] = getattr(self, name)
            setattr(self, name, column)
        alarms = np.empty((needed, len(LEVELS)), ALARM)
        alarms[: self.capacity] = self.alarms
        alarms[self.capacity :] = np.array(NO_ALARM, ALARM)
        self.alarms = alarms
        tags = np.full(needed, "", TEXT)
        tags[: self.capacity] = self.tags
        self.tags = tags
        self.capacity = needed
        self.dirty = np.ones(needed // BLOCK, np.bool_)
        self.block_wake = np.full(needed // BLOCK, NEVER, np.int64)
        self.scratch = np.zeros(needed, np.int32)

    def code_of_place(self, place: Place) -> int:
        """The number of a place, given when it is new."""
        code = self._place_code.get(place)
        if code is None:
            code = self._place_code[place] = len(self.places)
            self.places.append(place)
        return code

    def code_of_profile(self, settings: AlarmSettings) -> int:
        """The number of settings without their limit, given when they are new."""
        code = self._profile_code.get(settings)
        if code is None:
            code = self._profile_code[settings] = len(self.profiles)
            self.profiles.append(settings)
        return code

    def profile_table(self) -> npt.NDArray[Any]:
        """The profiles as columns, by their number; the last row stands for a level that is not there (-1)."""
        if len(self._profile_table) != len(self.profiles) + 1:
            rows = [
                (p.deadband, p.on_delay_ms, p.off_delay_ms, NEVER if p.realarm_ms is None else p.realarm_ms,
                 p.latch, p.ack_rtn, p.priority)
                for p in self.profiles
            ]  # fmt: skip
            self._profile_table = np.array([*rows, (0.0, 0, 0, NEVER, False, False, 0)], PROFILE)
        return self._profile_table

    def slots(self, points: Iterable[int]) -> list[int]:
        """The rows of those of these points that are here."""
        rows = [int(self.slot_of[point]) for point in points if 0 <= point < len(self.slot_of)]
        return [row for row in rows if row >= 0]

    # Rows to objects and back.

    def load(self, slots: Sequence[int]) -> list[Point]:
        """The points of these rows as objects."""
        rows = np.asarray(slots, np.intp)
        columns = [getattr(self, name)[rows].tolist() for name in LOADED]
        return [
            self._point(*fields)
            for fields in zip(slots, self.alarms[rows].tolist(), self.tags[rows].tolist(), *columns, strict=True)
        ]

    def _point(
        self, slot: int, alarms: list[Any], tag: str, place: int, stale_ms: int, lag: int, fence: int, *state: Any
    ) -> Point:
        where = self.places[place]
        point = Point(slot, tag, where, stale_ms, lag, *state)
        point.alarms = made = [self._alarm(slot, level, where, row) for level, row in enumerate(alarms) if row[1] >= 0]
        if len(made) > 1:
            point.link()
        if where.reorder_ms or where.rule:
            point.waiting = self.waiting.get(slot)
            point.reading = self.readings.get(slot)
        elif point.gateway < 0:
            point.fence = fence
        if slot in self.confirms:
            point.confirm_at = self.confirms[slot]
        return point

    def _alarm(self, slot: int, level: int, place: Place, row: tuple[Any, ...]) -> Alarm:
        limit, profile, flags, nth, occ, since, due, change_t, raised_t = row
        alarm = Alarm(level, place.rule or LEVELS[level], limit, self.profiles[profile], profile)
        if flags:
            alarm.c = flags & C != 0
            alarm.active = flags & ACTIVE != 0
            alarm.unacked = flags & UNACKED != 0
            alarm.latched = flags & LATCHED != 0
            alarm.shelved = flags & SHELVED != 0
            alarm.suppressed = flags & SUPPRESSED != 0
            alarm.oos = flags & OOS != 0
            alarm.oneshot = flags & ONESHOT != 0
            alarm.late = flags & LATE != 0
            alarm.standing = self.standing.get(slot * 4 + level)
        alarm.row = row
        alarm.nth, alarm.occ, alarm.since, alarm.due = nth, occ, since, due
        alarm.change_t, alarm.raised_t = change_t, raised_t
        return alarm

    def store(self, points: Collection[Point], *, settled: bool = False) -> None:
        """The objects' state back into their rows, with what the sweep needs to know of it.

        `settled`: nothing but samples happened to them, so that their next timers are known.
        """
        if not points:
            return
        rows = np.array([point.slot for point in points], np.intp)
        for name in STORED:
            getattr(self, name)[rows] = [getattr(point, name) for point in points]
        derived = [_derived(point, settled=settled) for point in points]
        for name, column in zip(DERIVED, zip(*derived, strict=True), strict=True):
            getattr(self, name)[rows] = column
        self._store_alarms(points)
        for point in points:
            if point.confirm_at != NEVER or point.slot in self.confirms:
                self._keep(self.confirms, point.slot, None if point.confirm_at == NEVER else point.confirm_at)
        self.dirty[rows // BLOCK] = True

    def _store_alarms(self, points: Iterable[Point]) -> None:
        places, records = [], []
        for point in points:
            for a in point.alarms:
                if a.profile < 0:
                    a.profile = self.code_of_profile(a.settings)
                record = _record(a)
                if record != a.row:
                    places.append(point.slot * len(LEVELS) + a.level)
                    records.append(record)
                key = point.slot * 4 + a.level
                if a.standing is not None:
                    self.standing[key] = a.standing
                elif key in self.standing:
                    del self.standing[key]
        if places:
            self.alarms.reshape(-1)[places] = np.array(records, ALARM)

    @staticmethod
    def _keep(where: dict[int, Any], key: int, what: Any) -> None:
        if what is not None:
            where[key] = what
        elif key in where:
            del where[key]

    # Points come and go.

    def take_rows(self, count: int) -> list[int]:
        """Rows for new points: those of retired ones first. The caller fills them and calls `reset`."""
        slots = [self.retired.pop() for _ in range(min(count, len(self.retired)))]
        fresh = count - len(slots)
        self.grow(fresh)
        slots += range(self.count, self.count + fresh)
        self.count += fresh
        return slots

    def describe(self, point: Point, identity: int, digest: int, name: int) -> None:
        """Writes what the plan says of a point (its alarms apart, which `store` writes)."""
        slot = point.slot
        self.ids[slot] = identity
        self.tags[slot] = point.tag
        self.place[slot] = self.code_of_place(point.place)
        self.names[slot] = name
        self.digests[slot] = digest
        self.stale_ms[slot] = point.stale_ms
        self.lag[slot] = point.lag
        self._keep(self.waiting, slot, point.waiting)

    def drop(self, slot: int) -> None:
        """The row of a retired point is free again; the caller calls `reset`."""
        for column, _, fill in COLUMNS:
            getattr(self, column)[slot] = fill
        self.alarms[slot] = np.array(NO_ALARM, ALARM)
        for level in range(len(LEVELS)):
            self.standing.pop(slot * 4 + level, None)
        for sparse in (self.waiting, self.confirms, self.readings):
            sparse.pop(slot, None)
        self.tags[slot] = ""
        self.retired.append(slot)
        self.dirty[slot // BLOCK] = True

    # When to wake.

    def next_wake(self) -> int:
        """The engine's clock at which the earliest timer of event time may fire."""
        if self.dirty.any():
            blocks = np.flatnonzero(self.dirty)
            self.block_wake[blocks] = self._wakes(blocks).min(axis=1)
            self.dirty[blocks] = False
        return int(self.block_wake.min(initial=NEVER))

    def due(self, clock: int) -> npt.NDArray[np.intp]:
        """The points whose earliest timer may fire by that clock."""
        self.next_wake()
        blocks = np.flatnonzero(self.block_wake <= clock)
        at, within = np.nonzero(self._wakes(blocks) <= clock)
        found: npt.NDArray[np.intp] = blocks[at] * BLOCK + within
        return found

    def due_by(self, slots: Sequence[int], now: int) -> list[int]:
        """Those of these points that run on their gateway's time and have something due before that now."""
        if not slots:
            return []
        rows = np.asarray(slots, np.intp)
        silent = self.stale[rows] | (self.stale_ms[rows] == NEVER) | (self.last_t[rows] == BEFORE)
        stale_due = np.where(silent, NEVER, np.where(silent, 0, self.last_t[rows]) + self.stale_ms[rows])
        due = np.minimum(self.timer_due[rows], stale_due) + self.lag[rows] < now
        return [slot for slot, is_due in zip(slots, due.tolist(), strict=True) if is_due or slot in self.waiting]

    def _wakes(self, blocks: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """A timer due at d may fire once clock - skew - lag > d."""
        whole = len(blocks) == len(self.dirty)
        fence, skew, lag = (
            column.reshape(-1, BLOCK) if whole else column.reshape(-1, BLOCK)[blocks]
            for column in (self.fence, self.skew, self.lag)
        )
        wake: npt.NDArray[np.int64] = np.where(fence >= ASLEEP, NEVER, fence + skew + lag + 1)
        return wake


def _record(a: Alarm) -> tuple[Any, ...]:
    flags = (
        a.c * C | a.active * ACTIVE | a.unacked * UNACKED | a.latched * LATCHED | a.shelved * SHELVED
        | a.suppressed * SUPPRESSED | a.oos * OOS | a.oneshot * ONESHOT | a.late * LATE
    )  # fmt: skip
    return (a.limit, a.profile, flags, min(a.nth, 65535), a.occ, a.since, a.due, a.change_t, a.raised_t)


def _derived(p: Point, *, settled: bool) -> tuple[int, int, float, float]:
    timer_due = p.timer_due if settled and p.timer_due is not None else timers(p)
    fence = min(timer_due, p.stale_due)
    if p.waiting is not None and p.waiting.samples:  # wakes when the first is to be released
        release = min(entry[0] for entry in p.waiting.samples) + p.place.reorder_ms
        fence = min(fence, release - p.lag - 1)
    if p.gateway >= 0:  # wakes with its gateway, not with the clock
        return timer_due, NEVER, inf, -inf
    if p.special:
        return timer_due, fence, inf, -inf
    lo, hi = -LARGEST, LARGEST
    for a in p.alarms:  # the values at which no condition flips (R4)
        if a.c == a.high:
            lo = max(lo, a.clear if a.c else nextafter(a.limit, inf))
        else:
            hi = min(hi, a.clear if a.c else nextafter(a.limit, -inf))
    return timer_due, fence, lo, hi


def describe(slot: int, settings: PointSettings | RuleSettings, lag: int = 0) -> Point:
    """The point of a plan as an object in its first state; `lag` is that of a rule, taken from its inputs."""
    if isinstance(settings, RuleSettings):
        place = Place(settings.enterprise, settings.source, "", settings.exercise, 0, None, settings.type)
        point = _point(slot, settings.rule, place, NEVER, BEFORE, lag)
        point.alarms.append(rule_alarm(settings))
        return point
    place = Place(
        settings.enterprise, settings.source, settings.unit, settings.exercise,
        settings.reorder_ms, settings.max_future_ms,
    )  # fmt: skip
    stale_ms = NEVER if settings.stale_ms is None else settings.stale_ms
    start_t = BEFORE if settings.start_t is None else settings.start_t
    lag = max(settings.timer_lag_ms, settings.reorder_ms)
    point = _point(slot, settings.tag, place, stale_ms, start_t, lag)
    point.alarms.extend(
        Alarm(level, name, settings.alarms[name].limit, profile_of(settings.alarms[name]))
        for level, name in enumerate(LEVELS)
        if name in settings.alarms
    )
    point.link()
    return point


def rule_alarm(settings: RuleSettings) -> Alarm:
    """The one alarm of a rule: its condition comes as 1 or 0."""
    return Alarm(1, settings.type, RULE_LIMIT, rule_profile(settings.alarm))


def differs(a: Alarm, settings: AlarmSettings) -> bool:
    """Whether a plan changes this alarm."""
    return settings_of(a) != settings


def _point(slot: int, tag: str, place: Place, stale_ms: int, start_t: int, lag: int) -> Point:
    point = Point(
        slot=slot, tag=tag, place=place, stale_ms=stale_ms, lag=lag, last_t=start_t, value=float("nan"), quality=NONE,
        stale=False, skew=0, status_t=BEFORE, fired_t=BEFORE, gateway=-1, watched=False,
    )  # fmt: skip
    point.waiting = Waiting() if place.reorder_ms > 0 else None
    return point


def chunks(slots: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many rows at a time as are made to objects at once."""
    return (slots[start : start + CHUNK] for start in range(0, len(slots), CHUNK))
