"""What the engine is told of each point: its alarms' settings with every default filled in, and their check (R8)."""

from __future__ import annotations

from math import isfinite

import msgspec

LEVELS = ("HH", "H", "LL", "L")  # the order inside one instant (R3)


class AlarmSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """One alarm; `limit` and `deadband` in the tag's unit, delays in milliseconds of event time."""

    limit: float
    deadband: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latch: bool = False
    ack_rtn: bool = True
    shelvable: bool = True
    max_shelve_ms: int = 43_200_000
    realarm_ms: int | None = None
    on_bad: str = "hold"  # or "alarm"
    priority: int = 3


class PointSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tag with its alarms, keyed HH, H, L, LL."""

    id: int
    enterprise: str
    source: str
    tag: str
    unit: str = ""
    exercise: bool = False
    stale_ms: int | None = None
    start_t: int | None = None
    reorder_ms: int = 0
    timer_lag_ms: int = 0
    max_future_ms: int | None = None
    alarms: dict[str, AlarmSettings] = {}


class RuleSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """One detector beyond limits; `inputs` maps a role (flow, level) to a point id; its alarm is called `type`."""

    id: int
    enterprise: str
    source: str
    rule: str
    type: str
    inputs: dict[str, int]
    params: dict[str, float]
    alarm: AlarmSettings
    exercise: bool = False


class GatewaySettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the engine needs of a gateway: whether its points run on their own time (clock = source, R15)."""

    id: int
    enterprise: str
    code: str
    source_clock: bool = False


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One registry version as the engine works with it."""

    version: int
    points: tuple[PointSettings, ...] = ()
    rules: tuple[RuleSettings, ...] = ()
    gateways: tuple[GatewaySettings, ...] = ()


HIGH, LOW = ("HH", "H"), ("LL", "L")  # the outer level of each side first


def refusal(point: PointSettings) -> str | None:
    """Why these settings must not come into force (R8), or None.

    Clear levels are float64 and computed once, exactly as the engine compares them (R4).
    """
    for level, alarm in point.alarms.items():
        if level not in LEVELS:
            return f"{level} is no level of a limit; there are HH, H, L and LL"
        fault = alarm_refusal(alarm)
        if fault:
            return f"{level}: {fault}"
    return _negative(point) or _order(point.alarms)


def alarm_refusal(alarm: AlarmSettings) -> str | None:
    """What is wrong with one alarm by itself, or None."""
    if not isfinite(alarm.limit):
        return "the limit must be a finite number"
    if not isfinite(alarm.deadband) or alarm.deadband < 0:
        return "the deadband must be a finite number of at least 0"
    for name in ("on_delay_ms", "off_delay_ms", "max_shelve_ms"):
        if getattr(alarm, name) < 0:
            return f"{name} must be at least 0"
    if alarm.realarm_ms is not None and alarm.realarm_ms <= 0:  # 0 would re-alarm for ever inside one instant
        return "realarm_ms must be more than 0, or empty for never"
    if alarm.on_bad not in ("hold", "alarm"):
        return "on_bad must be hold or alarm"
    if not 1 <= alarm.priority <= 4:
        return "the priority must be 1 (urgent) to 4 (low)"
    return None


def _negative(point: PointSettings) -> str | None:
    for name in ("stale_ms", "reorder_ms", "timer_lag_ms", "max_future_ms"):
        value = getattr(point, name)
        if value is not None and value < 0:
            return f"{name} must be at least 0"
    return None


def _order(alarms: dict[str, AlarmSettings]) -> str | None:
    high = {level: alarms[level].limit - alarms[level].deadband for level in HIGH if level in alarms}
    low = {level: alarms[level].limit + alarms[level].deadband for level in LOW if level in alarms}
    if len(high) == 2:
        if alarms["HH"].limit <= alarms["H"].limit:
            return f"HH {alarms['HH'].limit:g} must be above H {alarms['H'].limit:g}"
        if high["HH"] < high["H"]:
            return f"HH would clear at {high['HH']:g}, below H at {high['H']:g}: make the deadband of HH smaller"
    if len(low) == 2:
        if alarms["LL"].limit >= alarms["L"].limit:
            return f"LL {alarms['LL'].limit:g} must be below L {alarms['L'].limit:g}"
        if low["LL"] > low["L"]:
            return f"LL would clear at {low['LL']:g}, above L at {low['L']:g}: make the deadband of LL smaller"
    for below, low_clear in low.items():
        for above, high_clear in high.items():
            if low_clear >= high_clear:
                return (
                    f"{below} clears only above {low_clear:g} and {above} only below {high_clear:g}: "
                    "no value would be normal; move the limits apart or make the deadbands smaller"
                )
    return None
