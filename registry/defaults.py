"""The kind of a tag to what its empty cells mean: priorities, deadbands, delays and latches."""

from __future__ import annotations

from registry.site import Tag

GAS = frozenset({"gas_combustible", "gas_toxic", "oxygen"})
OUTER = frozenset({"HH", "LL"})

DEADBAND_PERCENT = {  # of span; ISA-18.2 and EEMUA 191 starting values
    "flow": 5.0,
    "level": 5.0,
    "pressure": 2.0,
    "temperature": 1.0,
    "gas_combustible": 2.0,
    "gas_toxic": 2.0,
    "oxygen": 2.0,
}
SPAN_OF_UNIT = {"%LEL": 100.0, "%OEL": 300.0, "%VOL": 30.0}
ON_DELAY_S = {"flow": 15.0, "level": 60.0, "pressure": 15.0, "temperature": 60.0}
GAS_ON_DELAY_S, GAS_OFF_DELAY_S = 2.0, 30.0  # the inner level; the outer one rings at once
REALARM_MS = {1: 600_000, 2: 1_800_000}
STALE_PERIODS, LEAST_STALE_S = 3.0, 5.0
TIMER_LAG_MS = 1_000


def priority(kind: str, level: str) -> int:
    """1 (urgent) to 4 (low)."""
    if kind == "oxygen" or (kind in GAS and level == "HH"):
        return 1
    if level in OUTER or (kind in GAS and level == "H"):
        return 2
    return 3


def deadband(tag: Tag) -> float | None:
    """In the tag's unit; None where the kind needs a span and the tag has none."""
    percent = DEADBAND_PERCENT.get(tag.kind)
    if percent is None:
        return 0.0
    width = span(tag)
    return None if width is None else width * percent / 100


def span(tag: Tag) -> float | None:
    """The width of the tag's range, or of the usual one for its unit."""
    if tag.range_lo is not None and tag.range_hi is not None:
        return tag.range_hi - tag.range_lo
    return SPAN_OF_UNIT.get(tag.unit.replace(" ", "").upper())


def on_delay_s(kind: str, level: str) -> float:
    if kind in GAS:
        return 0.0 if level in OUTER else GAS_ON_DELAY_S
    return ON_DELAY_S.get(kind, 0.0)


def off_delay_s(kind: str) -> float:
    return GAS_OFF_DELAY_S if kind in GAS else 0.0


def latch(kind: str, level: str) -> bool:
    return kind in GAS and level == "HH"


def ack_on_return(priority: int) -> bool:
    return priority <= 3


def stale_s(tag: Tag) -> float:
    return tag.stale_s if tag.stale_s is not None else max(STALE_PERIODS * tag.period_s, LEAST_STALE_S)
