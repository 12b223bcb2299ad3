"""Readings of several tags to a condition beyond limits: FLAT, a level that stands still while it is being filled."""

from __future__ import annotations

from collections import deque
from math import isfinite, nan
from typing import NamedTuple

import msgspec

from alerting.engine.points import BAD, BEFORE, GOOD, NEVER, NONE, UNCERTAIN
from registry.alarms import RuleSettings

FLOW, LEVEL = 0, 1


class Verdict(NamedTuple):
    """A sample for the rule's own point: its condition as 1 or 0, or BAD where it is unknown."""

    t: int
    value: float
    quality: int


class FlatState(msgspec.Struct):
    """What a FLAT detector remembers; `pending` and the lists of pieces are bounded by the readings of one window."""

    pending: tuple[list[tuple[int, float, int]], list[tuple[int, float, int]]]
    newest: list[int]
    quality: list[int]
    flow_since: int = NEVER  # flow at or above its least since then; NEVER: it is not
    pieces: list[tuple[int, float]] = []  # level from that time on, the oldest that still matters first
    known_since: int = NEVER  # both inputs good since then; NEVER: unknown
    condition: bool = False
    reached: int = BEFORE


class Flat:
    """While flow >= flow_min and the level stays inside less than `noise`, for a whole window of `minutes`: true.

    It runs in event time: up to the smaller of its inputs' newest times, sample by sample in order of time, whatever
    order they came in. Between samples the last value holds. True from the very time at which the window is full.
    """

    def __init__(self, settings: RuleSettings, state: FlatState | None = None) -> None:
        self.inputs = (settings.inputs["flow"], settings.inputs["level"])
        self.flow_min = settings.params["flow_min"]
        self.noise = settings.params["noise"]
        self.window = round(settings.params["minutes"] * 60_000)
        self.state = state or FlatState(pending=([], []), newest=[BEFORE, BEFORE], quality=[NONE, NONE])
        self._pieces: deque[tuple[int, float]] = deque()
        self._first = 0  # number of the oldest piece
        # (number of a piece, level): the largest from there on, and the smallest; the first are those of the whole
        self._high: deque[tuple[int, float]] = deque()
        self._low: deque[tuple[int, float]] = deque()
        for t, v in self.state.pieces:
            self._append(t, v)

    @property
    def level(self) -> float | None:
        """The last known level, for its events to show."""
        return self._pieces[-1][1] if self._pieces else None

    def keep(self) -> FlatState:
        """What a snapshot holds of it."""
        self.state.pieces = list(self._pieces)
        return self.state

    def feed(self, which: int, t: int, value: float, quality: int) -> list[Verdict]:
        """An applied sample of an input, or its loss (BAD); answers what that makes of the condition."""
        s = self.state
        t = max(t, s.reached, s.newest[which])
        s.newest[which] = t
        s.pending[which].append((t, value, quality if isfinite(value) else BAD))
        return self._run(min(s.newest))

    def _run(self, upto: int) -> list[Verdict]:
        s = self.state
        verdicts: list[Verdict] = []
        flow, level = s.pending
        f = g = 0
        while True:
            next_flow = flow[f][0] if f < len(flow) else NEVER
            next_level = level[g][0] if g < len(level) else NEVER
            t = min(next_flow, next_level)
            if t > upto:
                break
            self._ripen(t, verdicts)
            if next_flow <= next_level:
                self._take_flow(*flow[f])
                f += 1
            else:
                self._take_level(*level[g])
                g += 1
            self._judge(t, verdicts)
        del flow[:f], level[:g]
        if upto > s.reached:
            s.reached = upto
            self._ripen(upto + 1, verdicts)
            if s.known_since != NEVER:
                verdicts.append(Verdict(upto, float(s.condition), self._quality()))
        return verdicts

    def _ripen(self, before: int, verdicts: list[Verdict]) -> None:
        """The window fills between samples: the condition is true from that very time."""
        s = self.state
        if s.condition or s.known_since == NEVER or s.flow_since == NEVER or not self._pieces:
            return
        full = max(s.flow_since, self._pieces[0][0], s.known_since) + self.window
        if full < before:
            s.condition = True
            verdicts.append(Verdict(full, 1.0, self._quality()))

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
            verdicts.append(Verdict(t, 0.0, self._quality()))
        elif again:
            verdicts.append(Verdict(t, float(s.condition), self._quality()))

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


def detector(settings: RuleSettings, state: FlatState | None = None) -> Flat | None:
    """The detector of a rule; None where this release has none of that type, or its row lacks something."""
    needed = settings.type == "FLAT" and {"flow", "level"} <= settings.inputs.keys()
    if not needed or not {"flow_min", "noise", "minutes"} <= settings.params.keys():
        return None
    return Flat(settings, state)
