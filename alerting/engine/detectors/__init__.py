"""Readings of several tags to a condition beyond limits: one class for each type of rule."""

from __future__ import annotations

from typing import TypeAlias

from alerting.engine.detectors.balance import Balance, BalanceState
from alerting.engine.detectors.flat import Flat, FlatState
from alerting.engine.detectors.instant import FIGURES, Instant, InstantState
from alerting.engine.detectors.rate import Rate, RateState
from registry.alarms import RuleSettings

Detector: TypeAlias = Flat | Rate | Balance | Instant
DetectorState: TypeAlias = FlatState | RateState | BalanceState | InstantState


def detector(settings: RuleSettings, state: DetectorState | None = None) -> Detector | None:
    """The detector of a rule; None where this release has none of that type, or its row lacks something."""
    try:
        match settings.type:
            case "FLAT":
                return Flat(settings, state if isinstance(state, FlatState) else None)
            case "RATE":
                return Rate(settings, state if isinstance(state, RateState) else None)
            case "BALANCE":
                return Balance(settings, state if isinstance(state, BalanceState) else None)
            case kind if kind in FIGURES:
                return Instant(settings, state if isinstance(state, InstantState) else None)
    except KeyError:
        return None
    return None
