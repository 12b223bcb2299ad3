"""Samples to the few that can change anything: the others only move the columns, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from alerting.engine.points import BAD, GOOD, UNCERTAIN
from alerting.engine.state import BLOCK, State

Rows: TypeAlias = npt.NDArray[np.intp]

FEW = 48  # points in a round below which plain Python is faster than numpy
QUALITY = np.full(256, BAD, np.uint8)  # OPC quality to ours; what is none of the three is not to be trusted
QUALITY[192], QUALITY[64] = GOOD, UNCERTAIN


@dataclass(frozen=True, slots=True)
class Samples:
    """Readings of known points in order of arrival, one entry each.

    `order` is the place of a reading in its batch, `message` its message; `slots` rows of the state; `at` arrivals.
    """

    order: Rows
    message: npt.NDArray[np.int32]
    slots: Rows
    t: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    at: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, rows: Rows | npt.NDArray[np.bool_] | slice) -> Samples:
        """Some of them."""
        return Samples(
            self.order[rows], self.message[rows], self.slots[rows], self.t[rows], self.value[rows],
            self.quality[rows], self.at[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    """Samples that may be applied together: one a point, or `repeated` where they must go one after the other."""

    samples: Samples
    repeated: bool = False


def rounds(state: State, samples: Samples) -> Iterator[Round]:
    """The first sample of each point, then the second of each, and so on; all that is left when few points are."""
    count = np.arange(len(samples), dtype=np.int32)
    scratch, slots = state.scratch, samples.slots
    scratch[slots] = count  # of equal rows the last assignment stays
    if (scratch[slots] == count).all():
        yield Round(samples)
        return
    by_point = np.argsort(slots, kind="stable")
    starts = np.flatnonzero(np.diff(slots[by_point], prepend=-1))
    lengths = np.diff(starts, append=len(slots))
    turn = 0
    while len(starts) >= FEW:
        yield Round(samples.take(np.sort(by_point[starts + turn])))
        turn += 1
        more = lengths > turn
        starts, lengths = starts[more], lengths[more]
    rest = [by_point[start + turn : start + length] for start, length in zip(starts, lengths, strict=True)]
    if rest:
        yield Round(samples.take(np.sort(np.concatenate(rest))), repeated=True)


class Swept(NamedTuple):
    """What is left to do: samples for the rules, applied ones that a rule watches, and those that came too late."""

    rest: Samples | None
    watched: Samples | None
    late: Samples | None


def sweep(state: State, samples: Samples, *, late_apart: bool) -> Swept:
    """Applies the samples that cannot change anything, one a point at most.

    With `late_apart` those that are older than the last applied one are not for the rules.

    Quiet is: newer than the last, good or uncertain, no timer due by then, and no condition flips at that value. All
    that needs more than that has an empty quiet range (State.quiet_lo).
    """
    slots, t, value = samples.slots, samples.t, samples.value
    quiet = t > state.last_t.take(slots)
    quiet &= t < state.fence.take(slots)
    quiet &= value >= state.quiet_lo.take(slots)
    quiet &= value <= state.quiet_hi.take(slots)
    quiet &= samples.quality != BAD
    if state.future_ms is not None:
        quiet &= t - samples.at <= state.future_ms.take(slots)
    late = None
    if quiet.all():
        moved, rest = samples, None
    else:
        moved, rest = samples.take(quiet), samples.take(~quiet)
        if late_apart:
            rest, late = _apart(state, rest)
    _move(state, moved)
    watched = state.watched.take(moved.slots)
    return Swept(rest, moved.take(watched) if watched.any() else None, late)


def _apart(state: State, rest: Samples) -> tuple[Samples | None, Samples | None]:
    """What needs the rules, and what came too late for them; a point that needs every sample walked decides itself."""
    slots = rest.slots
    late = (rest.t < state.last_t.take(slots)) & (state.quiet_lo.take(slots) <= state.quiet_hi.take(slots))
    if not late.any():
        return rest, None
    return (None if late.all() else rest.take(~late)), rest.take(late)


def _move(state: State, samples: Samples) -> None:
    slots, t = samples.slots, samples.t
    if not len(slots):
        return
    state.fence[slots] = np.minimum(state.timer_due.take(slots), t + state.stale_ms.take(slots))
    state.last_t[slots] = t
    state.value[slots] = samples.value
    state.quality[slots] = samples.quality
    state.skew[slots] = samples.at - t
    if len(slots) * 8 > state.count:
        state.dirty[:] = True
    else:
        state.dirty[slots // BLOCK] = True
