"""What the engine is told of each point: its alarms' settings with every default filled in, and their check (R8)."""

from __future__ import annotations

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
