"""A level and the flows in and out to what is missing or too much: BALANCE, the mass balance of a vessel."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite, nan

import msgspec

from alerting.engine.detectors.inputs import Inputs, Verdict
from alerting.engine.points import BAD, GOOD, NONE, UNCERTAIN
from registry.alarms import RuleSettings

LEVEL = 0


class BalanceState(msgspec.Struct, tag="balance"):
    """`since` is the time up to which the flows are integrated; `window` holds (t, level, inflow until then)."""

    inputs: Inputs
    flows: list[float]
    qualities: list[int]
    since: int | None = None
    inflow: float = 0.0
    window: list[tuple[int, float, float]] = []
    condition: bool = False
    known: bool = False


class Balance:
    """True while the volume changes by `limit` or more than the flows explain, either way.

    error(t) = [area * (L(t) - L(t0)) - integral of (sum of in - sum of out) from t0 to t] / (t - t0)
    in volume per `per_s` seconds (3600 unless given: m3/h where `area` is in m2, the level in m and the flows in m3/h);
    t0 is the newest level sample that is at least `minutes` old. Flows hold between samples. Judged at each level
    sample; it clears `deadband` below the limit. A lost input makes it unknown, and a window with a hole proves
    nothing: it begins anew, and the condition stays as it is until the window is full.
    """

    def __init__(self, settings: RuleSettings, state: BalanceState | None = None) -> None:
        roles = flow_roles(settings.inputs)
        self.inputs = (settings.inputs["level"], *(settings.inputs[role] for role in roles))
        self._signs = [1.0 if role.startswith("in") else -1.0 for role in roles]
        params = settings.params
        self._area = params["area"]
        self._span = round(params["minutes"] * 60_000)
        self._per_ms = params.get("per_s", 3_600.0) * 1000
        self.limit: float | None = params["limit"]
        self._limit, self._clear = params["limit"], params["limit"] - params.get("deadband", 0.0)
        count = len(self.inputs)
        self.state = state or BalanceState(Inputs.of(count), [nan] * (count - 1), [NONE] * count)
        self._window = deque(self.state.window)

    def unit(self, units: Sequence[str]) -> str:
        """Of what its events show, from the units of its inputs."""
        return units[1]

    def keep(self) -> BalanceState:
        """What a snapshot holds of it."""
        self.state.window = list(self._window)
        return self.state

    def feed(self, which: int, t: int, value: float, quality: int) -> list[Verdict]:
        """An applied sample of an input, or its loss (BAD); answers what that makes of the condition."""
        s = self.state
        verdicts: list[Verdict] = []
        ready = s.inputs.take(which, t, value, quality if isfinite(value) else BAD)
        level = None
        for place, entry in enumerate(ready):
            self._integrate(entry.t)
            s.qualities[entry.which] = entry.quality
            if entry.quality != BAD:
                if entry.which == LEVEL:
                    level = entry.value
                else:
                    s.flows[entry.which - 1] = entry.value
            if place + 1 == len(ready) or ready[place + 1].t > entry.t:
                self._judge(entry.t, level, verdicts)
                level = None
        return verdicts

    def _integrate(self, t: int) -> None:
        """The flows up to t, as they were until then."""
        s = self.state
        if s.since is not None and t > s.since:
            net = sum(sign * flow for sign, flow in zip(self._signs, s.flows, strict=True))
            s.inflow += net * ((t - s.since) / self._per_ms)
            s.since = t

    def _judge(self, t: int, level: float | None, verdicts: list[Verdict]) -> None:
        s = self.state
        if BAD in s.qualities or NONE in s.qualities:
            self._window.clear()
            s.since, s.inflow = None, 0.0
            if s.known:
                s.known = False
                verdicts.append(Verdict(t, nan, BAD))
            return
        if s.since is None:
            s.since = t
        if level is None:
            return
        self._window.append((t, level, s.inflow))
        while len(self._window) > 1 and self._window[1][0] <= t - self._span:
            self._window.popleft()
        quality = UNCERTAIN if UNCERTAIN in s.qualities else GOOD
        t0, level0, inflow0 = self._window[0]
        if t - t0 < self._span:
            if not s.known:  # back, but not yet able to judge: what it said last still holds
                s.known = True
                verdicts.append(Verdict(t, float(s.condition), quality))
            return
        s.known = True
        error = (self._area * (level - level0) - (s.inflow - inflow0)) / ((t - t0) / self._per_ms)
        s.condition = abs(error) >= (self._clear if s.condition else self._limit)
        verdicts.append(Verdict(t, float(s.condition), quality, error))


def flow_roles(roles: object) -> list[str]:
    """The roles of flows among these: in, in2, in3 … and out, out2 …, those in first."""
    found = [role for role in roles if isinstance(role, str) and _is_flow(role)] if hasattr(roles, "__iter__") else []
    return sorted(found, key=lambda role: (not role.startswith("in"), role))


def _is_flow(role: str) -> bool:
    number = role.removeprefix("in") if role.startswith("in") else role.removeprefix("out")
    return number != role and (number == "" or number.isdigit())
