"""What a vector configures: the settings of a point and of its alarms, and whether they may stand (R8)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

HIGH = ("HH", "H")
LOW = ("LL", "L")
ORDER = HIGH + LOW


@dataclass(frozen=True, slots=True)
class AlarmConfig:
    limit: float
    deadband: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latch: bool = False
    ack_rtn: bool = True
    shelvable: bool = True
    max_shelve_ms: int = 43_200_000
    realarm_ms: int | None = None
    on_bad: str = "hold"


@dataclass(frozen=True, slots=True)
class PointConfig:
    stale_ms: int | None = None
    start_t: int | None = None
    reorder_ms: int = 0
    timer_lag_ms: int = 0
    max_future_ms: int | None = None


def alarm_config(given: dict[str, Any]) -> AlarmConfig:
    return changed(AlarmConfig(limit=math.nan), given)


def changed(config: AlarmConfig, values: dict[str, Any]) -> AlarmConfig:
    numbers = {name: float(value) for name, value in values.items() if name in ("limit", "deadband")}
    return replace(config, **{**values, **numbers})


def point_config(given: dict[str, Any]) -> PointConfig:
    return PointConfig(**given)


def clear_level(level: str, alarm: AlarmConfig) -> float:
    """Where the condition ends: one float64, computed once (R4)."""
    return alarm.limit - alarm.deadband if level in HIGH else alarm.limit + alarm.deadband


def fault(point: PointConfig, alarms: dict[str, AlarmConfig]) -> str | None:
    """R8: why these settings are refused, if they are."""
    for level, alarm in alarms.items():
        if not math.isfinite(alarm.limit) or not math.isfinite(alarm.deadband):
            return f"{level} is not finite"
        times = (alarm.on_delay_ms, alarm.off_delay_ms, alarm.max_shelve_ms, alarm.realarm_ms or 0)
        if alarm.deadband < 0 or min(times) < 0:
            return f"{level} has a negative value"
    spans = [getattr(point, field.name) for field in fields(point) if field.name != "start_t"]
    if any(span is not None and span < 0 for span in spans):
        return "a negative time"
    clear = {level: clear_level(level, alarm) for level, alarm in alarms.items()}
    if "HH" in alarms and "H" in alarms and (alarms["HH"].limit <= alarms["H"].limit or clear["HH"] < clear["H"]):
        return "HH is not above H"
    if "LL" in alarms and "L" in alarms and (alarms["LL"].limit >= alarms["L"].limit or clear["LL"] > clear["L"]):
        return "LL is not below L"
    if any(clear[low] >= clear[high] for low in LOW if low in clear for high in HIGH if high in clear):
        return "the low side clears above the high side"
    return None
