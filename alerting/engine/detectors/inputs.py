"""Samples of several tags, in whatever order they come, to one sequence in order of time."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from alerting.engine.points import BAD, BEFORE


class Verdict(NamedTuple):
    """A sample for the rule's own point: its condition as 1 or 0, or BAD where it is unknown.

    `shown` is what was measured, in the rule's unit; its events carry it.
    """

    t: int
    value: float
    quality: int
    shown: float | None = None


class Entry(NamedTuple):
    """One sample of one input in its turn; BAD where the signal was lost then."""

    t: int
    which: int
    value: float
    quality: int


class Inputs(msgspec.Struct):
    """What waits for the others: a rule advances to the smallest of its inputs' newest times.

    An input that is lost holds up nobody. `waiting` is bounded by what the fastest input says until the slowest speaks
    or goes stale.
    """

    newest: list[int]
    lost: list[bool]
    reached: int = BEFORE  # all is judged up to then
    waiting: list[Entry] = []

    @classmethod
    def of(cls, count: int) -> Inputs:
        """So many inputs, none heard."""
        return cls([BEFORE] * count, [False] * count)

    def take(self, which: int, t: int, value: float, quality: int) -> list[Entry]:
        """A sample of one of them; what may now be judged, in order of time and then of inputs."""
        newest = self.newest
        t = max(t, self.reached, newest[which])  # what is judged already is not judged again
        newest[which] = t
        self.lost[which] = quality == BAD
        self.waiting.append(Entry(t, which, value, quality))
        heard = [at for at, lost in zip(newest, self.lost, strict=True) if not lost]
        upto = min(heard) if heard else max(newest)
        if upto < self.reached or upto == BEFORE:
            return []
        self.reached = upto
        ready = [entry for entry in self.waiting if entry.t <= upto]
        if len(ready) == len(self.waiting):
            self.waiting = []
        elif ready:
            self.waiting = [entry for entry in self.waiting if entry.t > upto]
        ready.sort(key=_turn)
        return ready


def _turn(entry: Entry) -> tuple[int, int]:
    return entry.t, entry.which
