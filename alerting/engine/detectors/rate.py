"""One tag's samples to its rate of change: RATE, a slope by least squares over a window of event time."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan

import msgspec
import numpy as np
import numpy.typing as npt

from alerting.engine.detectors.inputs import Verdict
from alerting.engine.points import BAD
from registry.alarms import RuleSettings

LEAST_SAMPLES = 3.0
TIMES = {1.0: "s", 60.0: "min", 3_600.0: "h", 86_400.0: "d"}


class RateState(msgspec.Struct, tag="rate"):
    """The samples of the window, oldest first, and on which side the slope is beyond its limit."""

    t: list[int] = []
    v: list[float] = []
    rising: bool = False
    falling: bool = False
    known: bool = False


class Rate:
    """True while the slope is >= `rise` or <= -`fall`, in the tag's unit per `per_s` seconds (60 unless given).

    The slope is that of least squares over the samples of (t - window_s, t]:
        slope = sum((t_i - mean t)(v_i - mean v)) / sum((t_i - mean t)^2)
    judged at each good sample, once there are `min_samples` (3) spanning `min_span_s` (half the window); before that
    the condition stays as it is. Each side clears `deadband` nearer to zero than it raises. While the signal is lost
    it is unknown; the samples from before a loss still count when they are in the window.

    The computing of a slope is vectorised over the window; no sum is carried on from sample to sample, so that a wild
    value leaves nothing behind when it has left the window.
    """

    def __init__(self, settings: RuleSettings, state: RateState | None = None) -> None:
        params = settings.params
        self.inputs = (settings.inputs["value"],)
        self._per_s = params.get("per_s", 60.0)
        self._window = round(params["window_s"] * 1000)
        self._least = round(params.get("min_samples", LEAST_SAMPLES))
        self._span = round(params.get("min_span_s", params["window_s"] / 2) * 1000)
        self._rise, self._fall = params.get("rise"), params.get("fall")
        self._deadband = params.get("deadband", 0.0)
        self.limit = self._rise if self._rise is not None else None if self._fall is None else -self._fall
        self.state = state or RateState()
        size = max(64, 2 * len(self.state.t))
        self._t: npt.NDArray[np.int64] = np.zeros(size, np.int64)
        self._v: npt.NDArray[np.float64] = np.zeros(size)
        self._start, self._end = 0, len(self.state.t)
        self._t[: self._end], self._v[: self._end] = self.state.t, self.state.v

    def unit(self, units: Sequence[str]) -> str:
        """Of what its events show, from the units of its inputs."""
        return f"{units[0]}/{TIMES.get(self._per_s, f'{self._per_s:g} s')}"

    def keep(self) -> RateState:
        """What a snapshot holds of it."""
        self.state.t = self._t[self._start : self._end].tolist()
        self.state.v = self._v[self._start : self._end].tolist()
        return self.state

    def feed(self, which: int, t: int, value: float, quality: int) -> list[Verdict]:
        """An applied sample, or the loss of the signal (BAD); answers what that makes of the condition."""
        s = self.state
        if quality == BAD or not isfinite(value):
            known, s.known = s.known, False
            return [Verdict(t, nan, BAD)] if known else []
        self._append(t, value)
        slope = self._slope()
        if slope is None:
            if s.known:
                return []
            slope = nan
        else:
            s.rising = self._rise is not None and slope >= self._rise - (self._deadband if s.rising else 0.0)
            s.falling = self._fall is not None and -slope >= self._fall - (self._deadband if s.falling else 0.0)
        s.known = True
        return [Verdict(t, float(s.rising or s.falling), quality, slope if isfinite(slope) else None)]

    def _append(self, t: int, value: float) -> None:
        if self._end > self._start and self._t[self._end - 1] == t:
            self._end -= 1  # another value at the same time: the newer one counts
        if self._end == len(self._t):
            self._make_room()
        self._t[self._end], self._v[self._end] = t, value
        self._end += 1
        while self._t[self._start] <= t - self._window:
            self._start += 1

    def _make_room(self) -> None:
        used = self._end - self._start
        size = len(self._t) if used * 2 <= len(self._t) else len(self._t) * 2
        for name in ("_t", "_v"):
            old = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[:used] = old[self._start : self._end]
            setattr(self, name, new)
        self._start, self._end = 0, used

    def _slope(self) -> float | None:
        """In the unit per `per_s`; None where the window holds too little."""
        t = self._t[self._start : self._end]
        if len(t) < self._least or int(t[-1]) - int(t[0]) < max(self._span, 1):
            return None
        x = (t - t[-1]) / (self._per_s * 1000)
        x -= x.sum() / len(x)
        v = self._v[self._start : self._end]
        slope = float((x * (v - v[-1])).sum() / (x * x).sum())
        return slope if isfinite(slope) else None
