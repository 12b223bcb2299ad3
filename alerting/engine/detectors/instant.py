"""The values of one instant to a condition: DEV, DISC, VOTE, STALE and COMM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite, nan
from typing import NamedTuple

import msgspec

from alerting.engine.detectors.inputs import Inputs, Verdict
from alerting.engine.points import BAD, GOOD, NONE, UNCERTAIN
from registry.alarms import RuleSettings


class InstantState(msgspec.Struct, tag="instant"):
    """What is remembered between two samples: the newest value of each input, its vote, and the condition."""

    inputs: Inputs
    values: list[float]
    qualities: list[int]
    votes: list[bool]
    condition: bool = False
    known: bool = False


class Figure(NamedTuple):
    """What one type makes of its inputs.

    `measure` takes the state and gives one number, true from `limit` on and false below `clear`; `counts_losses`: a
    lost input is what it looks for and does not make it unknown.
    """

    measure: Callable[[InstantState], float]
    limit: float
    clear: float
    counts_losses: bool = False


class Instant:
    """Judged whenever all inputs are known up to a time, once an instant, after all samples of that instant.

    DEV    |a - b| >= limit, in the unit of a; two instruments on one quantity (GB 17681-2024 asks for two; `domain`
           figures are configuration).
    DISC   |command - feedback| >= tolerance (with `inverse`, |1 - command - feedback|); how long it may last is the
           alarm's on-delay.
    VOTE   at least `votes` inputs at or beyond `high` (or `low`), each with the deadband of R4.
    STALE  any input is stale or bad. COMM: all of them are.

    Between samples the last value holds. A lost input makes DEV, DISC and VOTE unknown.
    """

    def __init__(self, settings: RuleSettings, state: InstantState | None = None) -> None:
        roles = _roles(settings)
        self.inputs = tuple(settings.inputs[role] for role in roles)
        count = len(roles)
        self.state = state or InstantState(Inputs.of(count), [nan] * count, [NONE] * count, [False] * count)
        self._figure = FIGURES[settings.type](settings)
        self.limit: float | None = self._figure.limit

    def unit(self, units: Sequence[str]) -> str:
        """Of what its events show, from the units of its inputs."""
        return units[0] if self._figure.measure is _deviation else ""

    def keep(self) -> InstantState:
        """What a snapshot holds of it."""
        return self.state

    def feed(self, which: int, t: int, value: float, quality: int) -> list[Verdict]:
        """An applied sample of an input, or its loss (BAD); answers what that makes of the condition."""
        s = self.state
        verdicts: list[Verdict] = []
        ready = s.inputs.take(which, t, value, quality if isfinite(value) else BAD)
        for place, entry in enumerate(ready):
            s.qualities[entry.which] = entry.quality
            if entry.quality != BAD:
                s.values[entry.which] = entry.value
            if place + 1 == len(ready) or ready[place + 1].t > entry.t:
                self._judge(entry.t, verdicts)
        return verdicts

    def _judge(self, t: int, verdicts: list[Verdict]) -> None:
        s, figure = self.state, self._figure
        if BAD in s.qualities and not figure.counts_losses:
            if s.known:
                s.known = False
                verdicts.append(Verdict(t, nan, BAD))
            return
        s.known = True
        measured = figure.measure(s)
        s.condition = measured >= (figure.clear if s.condition else figure.limit)
        uncertain = UNCERTAIN in s.qualities and not figure.counts_losses
        verdicts.append(Verdict(t, float(s.condition), UNCERTAIN if uncertain else GOOD, measured))


def _roles(settings: RuleSettings) -> list[str]:
    return ["command", "feedback"] if settings.type == "DISC" else sorted(settings.inputs)


def _deviation(s: InstantState) -> float:
    return abs(s.values[0] - s.values[1])


def _mismatch(s: InstantState, *, inverse: bool) -> float:
    command, feedback = s.values
    return abs((1.0 - command if inverse else command) - feedback)


def _votes(s: InstantState, *, limit: float, deadband: float, sign: float) -> float:
    for place, value in enumerate(s.values):
        s.votes[place] = sign * value >= sign * limit - (deadband if s.votes[place] else 0.0)
    return float(sum(s.votes))


def _lost(s: InstantState) -> float:
    return float(s.qualities.count(BAD))


def _dev(settings: RuleSettings) -> Figure:
    limit = settings.params["limit"]
    return Figure(_deviation, limit, limit - settings.params.get("deadband", 0.0))


def _disc(settings: RuleSettings) -> Figure:
    tolerance = settings.params.get("tolerance", DISC_TOLERANCE)
    measure = partial(_mismatch, inverse=bool(settings.params.get("inverse", 0.0)))
    return Figure(measure, tolerance, tolerance)


def _vote(settings: RuleSettings) -> Figure:
    params = settings.params
    sign = 1.0 if "high" in params else -1.0
    limit = params["high"] if "high" in params else params["low"]
    measure = partial(_votes, limit=limit, deadband=params.get("deadband", 0.0), sign=sign)
    return Figure(measure, params["votes"], params["votes"])


def _stale(settings: RuleSettings) -> Figure:
    return Figure(_lost, 1.0, 1.0, counts_losses=True)


def _comm(settings: RuleSettings) -> Figure:
    return Figure(_lost, float(len(settings.inputs)), float(len(settings.inputs)), counts_losses=True)


DISC_TOLERANCE = 0.5  # of a switch that is 0 or 1
FIGURES: Mapping[str, Callable[[RuleSettings], Figure]] = {
    "DEV": _dev,
    "DISC": _disc,
    "VOTE": _vote,
    "STALE": _stale,
    "COMM": _comm,
}
