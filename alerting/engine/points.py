"""One point with its alarms as plain objects: what the rules read and change, and the state that is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from alerting.events import Event, State
from registry.alarms import AlarmSettings

NEVER = 2**62  # a timer that is not running
BEFORE = -(2**62)  # an event that has not happened yet
LATEST = 2**53  # event times beyond this (either way) are nobody's: about 285,000 years

NONE, GOOD, UNCERTAIN, BAD = 0, 1, 2, 3  # quality of the last applied sample; NONE before the first
STATUS = (None, "G", "U", "B")

CONFIRM_MS = (
    10_000  # R15: how long of engine clock a late raise waits, and a source clock runs on after its last message
)

RULE_LIMIT = 0.5  # a rule's condition is fed to its alarm as 1 or 0

HH, H, LL, L = range(4)  # indexes into LEVELS; a rule's one alarm sits at H
OUTER = {H: HH, L: LL}  # the level whose raise implies this one's (R7)


class Place(msgspec.Struct, frozen=True):
    """What many points share: where they are, and the settings that are rarely their own."""

    enterprise: str
    source: str
    unit: str = ""
    exercise: bool = False
    reorder_ms: int = 0
    max_future_ms: int | None = None
    rule: str = ""  # the type of a rule, whose one alarm is called so; empty for a tag


class Standing(msgspec.Struct, gc=False):
    """What only an alarm that is not NORM has; kept beside the columns."""

    alarm_id: str
    since: int | None = None  # when the condition of the occurrence began
    last: Event | None = None  # its newest event
    annunciated_t: int = BEFORE
    realarm_due: int = NEVER
    until: int = NEVER  # end of the shelve, in event time
    applying: bool = False  # a sample, and what it makes due at once
    confirm_at: int = NEVER  # engine clock: when a late raise is annunciated if it is still active


class Reading(NamedTuple):
    """What the events of a rule show: what was measured, its unit and the limit that it is held against."""

    value: float
    unit: str
    limit: float | None


class Waiting(msgspec.Struct):
    """The reorder buffer of one point (R2): samples in order of arrival, and the newest event time seen."""

    newest_t: int = BEFORE
    samples: list[tuple[int, float, int, int, bool]] = []  # t, value, quality, arrival, late


class Alarm:
    """One level of one point. `since` and `due` belong to the condition: when it began, when it raises or returns."""

    __slots__ = (
        "active",
        "c",
        "change_t",
        "clear",
        "due",
        "high",
        "latched",
        "late",
        "level",
        "limit",
        "name",
        "nth",
        "occ",
        "oneshot",
        "oos",
        "outer",
        "profile",
        "raised_t",
        "row",
        "settings",
        "shelved",
        "since",
        "standing",
        "suppressed",
        "unacked",
    )

    def __init__(self, level: int, name: str, limit: float, settings: AlarmSettings, profile: int = -1) -> None:
        self.level = level
        self.name = name
        self.high = level <= H
        self.outer: Alarm | None = None
        self.standing: Standing | None = None
        self.row: tuple[Any, ...] | None = None  # as it was loaded
        self.c = self.active = self.unacked = self.latched = False
        self.shelved = self.suppressed = self.oos = self.oneshot = self.late = False
        self.occ = self.nth = self.since = 0
        self.change_t = self.raised_t = BEFORE
        self.due = NEVER
        self.configure(limit, settings, profile)

    def configure(self, limit: float, settings: AlarmSettings, profile: int = -1) -> None:
        """Takes over settings; the bracket of the deadband is computed once, in float64 (R4).

        `settings` is what many alarms share, the limit is its own; `profile` is their number, -1 when not known yet.
        """
        self.limit = limit
        self.settings = settings
        self.profile = profile
        self.clear = limit - settings.deadband if self.high else limit + settings.deadband

    @property
    def visible(self) -> bool:
        """Under no overlay."""
        return not (self.shelved or self.suppressed or self.oos)

    @property
    def state(self) -> State:
        """The shown state (R11)."""
        if self.oos:
            return State.OOSRV
        if self.suppressed:
            return State.DSUPR
        if self.shelved:
            return State.SHLVD
        if self.active:
            return State.UNACK if self.unacked else State.ACKED
        if self.latched:
            return State.LATUN if self.unacked else State.LATAK
        return State.RTNUN if self.unacked else State.NORM


@dataclass(slots=True, eq=False)
class Point:
    """One tag or rule. `skew` is arrival minus event time of its newest sample: now = engine clock - skew (R15)."""

    slot: int
    tag: str
    place: Place
    stale_ms: int  # NEVER: does not go stale
    lag: int  # the larger of timer lag and reorder time
    last_t: int  # of the last applied sample; before the first, when the wait for it began (start_t) or BEFORE
    value: float  # the last good or uncertain one
    quality: int
    stale: bool
    skew: int
    status_t: int
    fired_t: int  # newest raise, return or loss by a timer (R3)
    gateway: int  # row of the gateway with a source clock that fed it last, -1 for all others
    watched: bool
    alarms: list[Alarm] = field(default_factory=list)
    waiting: Waiting | None = None
    reading: Reading | None = None  # a rule's: what its events show
    coming: Reading | None = None  # the reading of the sample that is being applied
    applying: bool = False  # a sample, and what it makes due at once
    confirm_at: int = NEVER  # engine clock, not after any late raise of it is due to be annunciated
    fence: int = BEFORE  # no timer of event time is due before
    timer_due: int | None = None  # its earliest timer but the loss of the signal, where the last sample found it

    @property
    def status(self) -> str | None:
        """G, U, B, S for stale, None before the first sample."""
        return "S" if self.stale else STATUS[self.quality]

    @property
    def lost(self) -> bool:
        """Bad or stale: the condition is frozen, nothing may return (R6)."""
        return self.stale or self.quality == BAD

    @property
    def heard(self) -> bool:
        """Whether a sample was ever applied."""
        return self.quality != NONE

    @property
    def stale_due(self) -> int:
        """When it goes stale unless a sample comes."""
        if self.stale or self.stale_ms == NEVER or self.last_t == BEFORE:
            return NEVER
        return self.last_t + self.stale_ms

    @property
    def special(self) -> bool:
        """Whether each of its samples must take the scalar path."""
        return self.gateway >= 0 or self.lost or not self.heard or self.place.reorder_ms > 0 or self.confirm_at != NEVER

    def find(self, name: str) -> Alarm | None:
        """Its alarm of that name."""
        return next((alarm for alarm in self.alarms if alarm.name == name), None)

    def link(self) -> None:
        """Ties H to HH and L to LL (R7), from the inside out: no circle for the garbage collector to find."""
        before = None
        for alarm in self.alarms:
            alarm.outer = before if before is not None and before.level == OUTER.get(alarm.level) else None
            before = alarm

    def inner(self, outer: Alarm) -> Alarm | None:
        """The level that this one's raise implies (R7)."""
        return next((alarm for alarm in self.alarms if alarm.outer is outer), None)


def profile_of(settings: AlarmSettings) -> AlarmSettings:
    """Settings as many alarms share them: without the limit."""
    return msgspec.structs.replace(settings, limit=0.0)


def rule_profile(settings: AlarmSettings) -> AlarmSettings:
    """The settings of a rule's alarm, its limit for show; a deadband has no meaning for a condition."""
    return msgspec.structs.replace(settings, deadband=0.0, on_bad="hold")


def settings_of(a: Alarm) -> AlarmSettings:
    """The settings in force with their limit, as the plan gave them."""
    return msgspec.structs.replace(a.settings, limit=a.limit)
