"""Times of annunciations to how many there were in a sliding 10 min, and to the floods among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerting.record import Ints

WINDOW_MS = 600_000  # the last 10 min at t are those of (t - 10 min, t]
BEGINS_ABOVE, ENDS_BELOW = 10, 5  # annunciations in the window (ISA-18.2, chapter 16; EEMUA 191)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most annunciations in a sliding 10 min, and when there were so many for the first time (Unix ms)."""

    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Flood:
    """More came than a person can handle, from the eleventh in 10 min until fewer than five; `end` None: goes on."""

    start: int
    peak: Peak
    end: int | None


def floods(heard: Ints, counts: Ints, until: int) -> list[Flood]:
    """The floods that began before `until`, in order; `heard` ascending, `counts` as `in_window` has them.

    An end at or after `until` is not known yet.
    """
    starts = np.flatnonzero(counts > BEGINS_ABOVE)
    lows = _lows(heard)
    found: list[Flood] = []
    place = 0
    while place < len(starts) and heard[starts[place]] < until:
        first = int(starts[place])
        end = int(lows[np.searchsorted(lows, heard[first], side="right")])  # after the last there are none: a low
        over = int(np.searchsorted(heard, end))
        found.append(
            Flood(int(heard[first]), peak(heard[first:over], counts[first:over]), end if end < until else None)
        )
        place = int(np.searchsorted(starts, over))
    return found


def in_window(heard: Ints) -> Ints:
    """At each annunciation, how many there were in the 10 min up to it; of several at one time the last counts all."""
    before = np.searchsorted(heard, heard - WINDOW_MS, side="right")
    return np.arange(1, len(heard) + 1) - before


def peak(heard: Ints, counts: Ints) -> Peak:
    """Of at least one annunciation."""
    most = int(np.argmax(counts))
    return Peak(int(counts[most]), int(heard[most]))


def _lows(heard: Ints) -> Ints:
    """Ascending, the times at which an annunciation leaves the window and fewer than five remain."""
    leaving = heard + WINDOW_MS
    remaining = np.searchsorted(heard, leaving, side="right") - np.searchsorted(heard, heard, side="right")
    return leaving[remaining < ENDS_BELOW]
