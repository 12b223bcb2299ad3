"""A version of the registry to what it changes in the engine: points that come, change and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

import msgspec
import numpy as np

from alerting.engine.commands import reconfigure
from alerting.engine.points import BEFORE, NEVER, Alarm, Point, Waiting, rule_profile, settings_of
from alerting.engine.rules import advance, fire, release
from alerting.engine.state import CHUNK, NO_ALARM, State, describe
from alerting.engine.voice import Voice
from alerting.events import Ev
from registry.alarms import AlarmSettings, Plan, PointSettings, RuleSettings

Settings = PointSettings | RuleSettings


@dataclass(frozen=True, slots=True)
class Difference:
    """What a plan changes: rows of points that are gone, rows whose settings differ, and new points."""

    gone: list[int]
    changed: list[tuple[int, Settings, int]]
    new: list[tuple[Settings, int]]


def compare(state: State, plan: Plan) -> Difference:
    """A plan against the points that are here, by the hashes of their settings."""
    live = np.flatnonzero(state.ids[: state.count] >= 0)
    here = dict(zip(state.ids[live].tolist(), live.tolist(), strict=True))
    digests = state.digests.tolist()
    encode = msgspec.msgpack.Encoder().encode
    changed: list[tuple[int, Settings, int]] = []
    new: list[tuple[Settings, int]] = []
    everything: list[Settings] = [*plan.points, *plan.rules]
    for settings in everything:
        digest = _hash(encode(settings))
        slot = here.pop(settings.id, None)
        if slot is None:
            new.append((settings, digest))
        elif digests[slot] != digest:
            changed.append((slot, settings, digest))
    return Difference(sorted(here.values()), changed, new)


def place(state: State, new: Sequence[tuple[Settings, int]], start_t: int | None = None) -> None:
    """Rows for new points: NORM, and never heard. `start_t`: since when those are waited for that do not say it."""
    slots = state.take_rows(len(new))
    for start in range(0, len(new), CHUNK):
        points = []
        for slot, (settings, digest) in zip(slots[start : start + CHUNK], new[start : start + CHUNK], strict=True):
            point = describe(slot, settings)
            if start_t is not None and point.last_t == BEFORE and point.stale_ms != NEVER and not point.place.exercise:
                point.last_t = start_t
            state.describe(point, settings.id, digest, name_hash(settings.enterprise, point.tag))
            points.append(point)
        state.store(points)


def described(state: State, slot: int) -> PointSettings:
    """The settings of a tag as a second copy of the rules takes them: without what belongs to live arrivals."""
    (point,) = state.load([slot])
    where = point.place
    return PointSettings(
        id=int(state.ids[slot]), enterprise=where.enterprise, source=where.source, tag=point.tag, unit=where.unit,
        exercise=where.exercise, stale_ms=None if point.stale_ms == NEVER else point.stale_ms,
        alarms={a.name: settings_of(a) for a in point.alarms},
    )  # fmt: skip


def find(state: State, enterprise: str, tag: str) -> int | None:
    """The row of a tag or rule by its name."""
    for slot in np.flatnonzero(state.names[: state.count] == np.uint32(name_hash(enterprise, tag))).tolist():
        if state.tags[slot] == tag and state.places[state.place[slot]].enterprise == enterprise:
            return slot
    return None


def name_hash(enterprise: str, tag: str) -> int:
    """What a point is found by."""
    return crc32(f"{enterprise}/{tag}".encode())


def retire(p: Point, now: int, voice: Voice) -> None:
    """The point is gone from the plan: what is not NORM ends with a CONFIG event."""
    _catch_up(p, now, voice)
    for a in p.alarms:
        _end(p, a, now, voice)


def alter(state: State, p: Point, settings: Settings, digest: int, now: int, voice: Voice) -> None:
    """The point's settings changed; its alarms as R13."""
    _catch_up(p, now, voice)
    new = describe(p.slot, settings)
    _reorder(p, new, voice)
    for a in p.alarms:
        if new.find(a.name) is None and not p.place.rule:
            _end(p, a, now, voice)
            state.standing.pop(p.slot * 4 + a.level, None)
    p.tag, p.place, p.stale_ms = new.tag, new.place, new.stale_ms
    if not p.place.rule:
        p.lag = new.lag
    if not p.heard and new.last_t != BEFORE:
        p.last_t = new.last_t
    wanted = _wanted(settings)
    kept = {a.level: a for a in p.alarms if a.level in wanted}
    changed = {level: alarm for level, alarm in wanted.items() if level not in kept or _differs(kept[level], alarm, p)}
    p.alarms = [kept.get(a.level, a) for a in new.alarms]
    for a, fresh in zip(p.alarms, new.alarms, strict=True):
        a.name, a.row = fresh.name, None
    p.link()
    reconfigure(p, changed, now, voice)
    state.describe(p, settings.id, digest, name_hash(settings.enterprise, p.tag))
    state.alarms[p.slot] = np.array(NO_ALARM, state.alarms.dtype)
    state.store([p])


def _reorder(p: Point, new: Point, voice: Voice) -> None:
    """A reorder buffer that is no longer wanted is emptied; a new one begins with the next sample."""
    if p.waiting is None and new.waiting is not None:
        p.waiting = Waiting(newest_t=p.last_t if p.heard else BEFORE)
    elif p.waiting is not None and new.waiting is None:
        release(p, NEVER, voice)
        p.waiting = None


def _catch_up(p: Point, now: int, voice: Voice) -> None:
    advance(p, now, voice)
    fire(p, now - p.lag + 1, voice)


def _end(p: Point, a: Alarm, now: int, voice: Voice) -> None:
    if a.standing is None:
        return
    a.active = a.unacked = a.latched = a.shelved = a.suppressed = a.oos = a.oneshot = a.c = False
    a.due = NEVER
    voice.alarm(p, a, Ev.CONFIG, max(now, a.change_t), why="retired")


def _wanted(settings: Settings) -> dict[int, AlarmSettings]:
    if isinstance(settings, RuleSettings):
        return {1: settings.alarm}
    return {
        level: settings.alarms[name] for level, name in enumerate(("HH", "H", "LL", "L")) if name in settings.alarms
    }


def _differs(a: Alarm, wanted: AlarmSettings, p: Point) -> bool:
    if p.place.rule:
        return a.settings != rule_profile(wanted)
    return settings_of(a) != wanted


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
