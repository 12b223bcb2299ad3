"""What is remembered of one alarm, what it shows, and what its limit says of a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.reference.settings import HIGH, AlarmConfig, clear_level

STALE, RETURN, RAISE, LATE, REALARM, EXPIRY = range(6)  # the order inside one instant (R3)
FLOOR = (STALE, RETURN, RAISE)  # the timers that count as the last fired one (V49); the others are no evidence


@dataclass(slots=True)
class Alarm:
    """What is remembered of one alarm."""

    level: str
    config: AlarmConfig
    condition: bool = False
    true_since: int = 0  # the condition's, while it is true
    true_late: bool = False  # the sample behind it arrived more than 30 s later than usual (R15)
    false_since: int | None = None  # unbroken good evidence that it is false
    false_late: bool = False
    active: bool = False
    unacked: bool = False
    latched: bool = False
    occ: int = 0
    annunciated_at: int | None = None  # this occurrence's last annunciation
    late_until: int | None = None  # the engine's clock when a late raise is annunciated after all (R15)
    moved_at: int | None = None  # last raise or return: its past ends here (R2)
    returned_at: int | None = None
    raise_from: int | None = None  # a delay changed while it ran: not before the change (R13)
    return_from: int | None = None
    realarm_from: int | None = None
    shelved_until: int | None = None
    oneshot: bool = False
    suppressed: bool = False
    out_of_service: bool = False

    @property
    def visible(self) -> bool:
        return self.shelved_until is None and not self.suppressed and not self.out_of_service

    @property
    def shown(self) -> str:
        if self.out_of_service:
            return "OOSRV"
        if self.suppressed:
            return "DSUPR"
        if self.shelved_until is not None:
            return "SHLVD"
        if self.active:
            return "UNACK" if self.unacked else "ACKED"
        if self.latched:
            return "LATUN" if self.unacked else "LATAK"
        return "RTNUN" if self.unacked else "NORM"


@dataclass(order=True, slots=True)
class Timer:
    due: int
    kind: int
    rank: int
    fire: Callable[[int], None] = field(compare=False)


def violates(alarm: Alarm, v: float) -> bool:
    return v >= alarm.config.limit if alarm.level in HIGH else v <= alarm.config.limit


def clears(alarm: Alarm, v: float) -> bool:
    clear = clear_level(alarm.level, alarm.config)
    return v < clear if alarm.level in HIGH else v > clear


def latest(t: int, other: int | None) -> int:
    return t if other is None else max(t, other)
