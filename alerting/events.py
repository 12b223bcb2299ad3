"""Alarm events: what the engine says, what the journal keeps, what a screen is told."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """The shown state of an alarm (ISA-18.2, figure 3)."""

    NORM = "NORM"
    UNACK = "UNACK"
    ACKED = "ACKED"
    RTNUN = "RTNUN"
    LATUN = "LATUN"
    LATAK = "LATAK"
    SHLVD = "SHLVD"
    DSUPR = "DSUPR"
    OOSRV = "OOSRV"


class Ev(StrEnum):
    """What happened. POINT events (BAD, GOOD, STALE, LATE, FUTURE) are about a signal, all others about an alarm."""

    ACTIVE = "ACTIVE"
    RTN = "RTN"
    REALARM = "REALARM"
    ACK = "ACK"
    RESET = "RESET"
    SHELVED = "SHELVED"
    UNSHELVED = "UNSHELVED"
    SUPPRESSED = "SUPPRESSED"
    UNSUPPRESSED = "UNSUPPRESSED"
    OOS = "OOS"
    IN_SERVICE = "IN_SERVICE"
    CONFIG = "CONFIG"
    REJECT = "REJECT"
    COMMENT = "COMMENT"
    BAD = "BAD"
    GOOD = "GOOD"
    STALE = "STALE"
    LATE = "LATE"
    FUTURE = "FUTURE"
    LATE_VIOLATION = "LATE_VIOLATION"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One event of one alarm or of a point (`alarm` = POINT).

    Times are Unix milliseconds. `t` is the event time, `since` when the condition began, `received_at` the arrival
    of the reading behind it on our clock, `emitted_at` the wall clock when it was published (set by the role, not by
    the engine), `at` the wall time at which a command was given. `value` is the reading behind it, `v` the value of
    a late violation, `limit` the limit in force. `q` is G, U, B, or S for stale.
    """

    t: int
    alarm: str
    ev: Ev
    enterprise: str = ""
    source: str = ""
    tag: str = ""
    alarm_id: str | None = None
    priority: int | None = None
    state: State | None = None
    since: int | None = None
    occ: int | None = None
    ann: bool | None = None
    q: str | None = None
    value: float | None = None
    v: float | None = None
    limit: float | None = None
    unit: str | None = None
    received_at: int | None = None
    emitted_at: int | None = None
    at: int | None = None
    late: bool = False
    exercise: bool = False
    unlogged: bool = False
    cascade: bool = False
    cmd: str | None = None
    command: str | None = None
    reason: str | None = None
    why: str | None = None
    until: int | None = None
    permit: str | None = None
    user: str | None = None
    comment: str | None = None

    @property
    def is_offline(self) -> bool:
        """Of an excursion while offline: beside the life of its alarm, not a part of it (R15)."""
        return self.late and self.occ == 0


class Emission(msgspec.Struct, frozen=True, omit_defaults=True):
    """All events of one input: one message of ALARM, or several where they would not fit into one.

    `first` is the place of the first event among all of the input, `more` that others follow. `behind_ms` is how
    long the input waited before its events went out. No events at all: a new engine has taken over.
    """

    input_seq: int
    events: tuple[Event, ...]
    first: int = 0
    more: bool = False
    behind_ms: int = 0


SEQ_SHIFT = 20  # an event's number is its message's sequence in ALARM with its place in the message below it


def event_seq(message_seq: int, index: int) -> int:
    """The number of an event for the outside: grows strictly, finds its message again, stays below 2**53 for long."""
    return (message_seq << SEQ_SHIFT) | index


def message_seq(seq: int) -> int:
    """The sequence in ALARM of the message that holds event `seq`."""
    return seq >> SEQ_SHIFT


encode = msgspec.json.Encoder().encode
decode_emission = msgspec.json.Decoder(Emission).decode
