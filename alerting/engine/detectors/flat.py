"""A flow and a level to a gauge that cannot be true: FLAT, a level that stands still while it is being filled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite, nan

import msgspec

from alerting.engine.detectors.inputs import Inputs, Verdict
from alerting.engine.points import BAD, GOOD, NEVER, NONE, UNCERTAIN
from registry.alarms import RuleSettings

FLOW, LEVEL = 0, 1


class FlatState(msgspec.Struct, tag="flat"):
    """What a FLAT detector remembers; the list of pieces is bounded by the readings of one window."""

    inputs: Inputs
    quality: list[int]
    flow_since: int = NEVER  # flow at or above its least since then; NEVER: it is not
    pieces: list[tuple[int, float]] = []  # level from that time on, the oldest that still matters first
    known_since: int = NEVER  # both inputs good since then; NEVER: unknown
    condition: bool = False


class Flat:
    """While flow >= flow_min and the level stays inside less than `noise`, for a whole window of `minutes`: true.

    max L - min L < noise over (t - minutes, t], in the tags' own units; `noise` above the gauge's own, so that a frozen
    gauge with noise is seen, and below what the flow must move. Without flow a level may rest for ever.

    It runs in event time: up to the smaller of its inputs' newest times, sample by sample in order of time, whatever
    order they came in. Between samples the last value holds. True from the very time at which the window is full.
    """

    def __init__(self, settings: RuleSettings, state: FlatState | None = None) -> None:
        self.inputs = (settings.inputs["flow"], settings.inputs["level"])
        self.flow_min = settings.params["flow_min"]
        self.noise = settings.params["noise"]
        self.window = round(settings.params["minutes"] * 60_000)
        self.limit: float | None = None
        self.state = state or FlatState(Inputs.of(2), [NONE, NONE])
        self._pieces: deque[tuple[int, float]] = deque()
        self._first = 0  # number of the oldest piece
        # (number of a piece, level): the largest from there on, and the smallest; the first are those of the whole
        self._high: deque[tuple[int, float]] = deque()
        self._low: deque[tuple[int, float]] = deque()
        for t, v in self.state.pieces:
            self._append(t, v)

    def unit(self, units: Sequence[str]) -> str:
        """Of what its events show, from the units of its inputs."""
        return units[LEVEL]

    def keep(self) -> FlatState:
        """What a snapshot holds of it."""
        self.state.pieces = list(self._pieces)
        return self.state

    def feed(self, which: int, t: int, value: float, quality: int) -> list[Verdict]:
        """An applied sample of an input, or its loss (BAD); answers what that makes of the condition."""
        s = self.state
        verdicts: list[Verdict] = []
        before = s.inputs.reached
        for entry in s.inputs.take(which, t, value, quality if isfinite(value) else BAD):
            self._ripen(entry.t, verdicts)
            if entry.which == FLOW:
                self._take_flow(entry.t, entry.value, entry.quality)
            else:
                self._take_level(entry.t, entry.value, entry.quality)
            self._judge(entry.t, verdicts)
        upto = s.inputs.reached
        if upto > before:
            self._ripen(upto + 1, verdicts)
            if s.known_since != NEVER:
                verdicts.append(self._verdict(upto))
        return verdicts

    def _verdict(self, t: int) -> Verdict:
        return Verdict(t, float(self.state.condition), self._quality(), self._pieces[-1][1] if self._pieces else None)

    def _ripen(self, before: int, verdicts: list[Verdict]) -> None:
        """The window fills between samples: the condition is true from that very time."""
        s = self.state
        if s.condition or s.known_since == NEVER or s.flow_since == NEVER or not self._pieces:
            return
        full = max(s.flow_since, self._pieces[0][0], s.known_since) + self.window
        if full < before:
            s.condition = True
            verdicts.append(self._verdict(full))

    def _judge(self, t: int, verdicts: list[Verdict]) -> None:
        s = self.state
        if BAD in s.quality or NONE in s.quality:
            if s.known_since != NEVER:
                s.known_since = NEVER
                verdicts.append(Verdict(t, nan, BAD))
            return
        again = s.known_since == NEVER
        if again:
            s.known_since = t  # a window with a hole in it proves nothing
        if s.condition and not self._still(t):
            s.condition = False
            verdicts.append(self._verdict(t))
        elif again:
            verdicts.append(self._verdict(t))

    def _still(self, t: int) -> bool:
        s = self.state
        return max(s.flow_since, self._pieces[0][0]) + self.window <= t

    def _take_flow(self, t: int, value: float, quality: int) -> None:
        s = self.state
        s.quality[FLOW] = quality
        if quality == BAD:
            return
        if value < self.flow_min:
            s.flow_since = NEVER
        elif s.flow_since == NEVER:
            s.flow_since = t

    def _take_level(self, t: int, value: float, quality: int) -> None:
        s = self.state
        s.quality[LEVEL] = quality
        if quality == BAD:
            return
        if not self._pieces or value != self._pieces[-1][1]:
            self._append(t, value)
        while len(self._pieces) > 1 and (
            self._high[0][1] - self._low[0][1] >= self.noise or self._pieces[1][0] <= t - self.window
        ):
            self._pieces.popleft()
            self._first += 1
            for extreme in (self._high, self._low):
                if extreme[0][0] < self._first:
                    extreme.popleft()

    def _append(self, t: int, value: float) -> None:
        place = self._first + len(self._pieces)
        self._pieces.append((t, value))
        while self._high and self._high[-1][1] <= value:
            self._high.pop()
        self._high.append((place, value))
        while self._low and self._low[-1][1] >= value:
            self._low.pop()
        self._low.append((place, value))

    def _quality(self) -> int:
        return UNCERTAIN if UNCERTAIN in self.state.quality else GOOD
