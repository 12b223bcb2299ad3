"""Batches of readings to the newest value of every tag, and which sources have something new to show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alerting.engine import Latest
from line.messages import Batch
from registry.site import Site

BEFORE = -(2**62)
NOTHING = np.empty(0, np.int32)


class Live(NamedTuple):
    """The newest reading of a tag; times are Unix milliseconds, `value` None where there is none."""

    value: float | None
    quality: int
    t: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest readings of some points, one entry each; `known` says where there is one, `values` may be NaN."""

    known: npt.NDArray[np.bool_]
    t_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]
    at_ms: npt.NDArray[np.int64]


class Values:
    """Columns by point id: the memory is 26 bytes a point."""

    def __init__(self) -> None:
        self._t = np.full(0, BEFORE, np.int64)
        self._value = np.full(0, np.nan)
        self._quality = np.zeros(0, np.uint8)
        self._at = np.zeros(0, np.int64)
        self._fresh = np.zeros(0, np.bool_)
        self._points: dict[str, npt.NDArray[np.int32]] = {}  # "enterprise/source": the ids of its tags
        self._tags: dict[str, list[str]] = {}

    def arrange(self, site: Site) -> None:
        """A new version of the site: which tags each source has. Values of tags that stay are kept."""
        self._grow(max((tag.id for tag in site.tags.values()), default=-1) + 1)
        points: dict[str, list[int]] = {}
        tags: dict[str, list[str]] = {}
        for tag in site.tags.values():
            source = f"{tag.enterprise}/{tag.source}"
            points.setdefault(source, []).append(tag.id)
            tags.setdefault(source, []).append(tag.tag)
        self._points = {source: np.array(ids, np.int32) for source, ids in points.items()}
        self._tags = tags

    def start(self, latest: Latest) -> None:
        """The newest values according to the engine's snapshot."""
        self._put(latest.points, latest.t_ms, latest.values, latest.qualities, latest.at_ms)

    def remember(self, points: npt.NDArray[np.int32], newest: Newest) -> None:
        """What the database still knows of points that the line has forgotten."""
        self._put(points, newest.t_ms, newest.values, newest.qualities, newest.at_ms)

    def take(self, batch: Batch) -> None:
        """Readings in the order in which they came; an older one does not replace a newer one."""
        if len(batch.points):
            self._put(batch.points, batch.t_ms, batch.values, batch.qualities, batch.at_ms[batch.message])

    def live(self, point: int) -> Live | None:
        """The newest reading of a point; None before the first."""
        if not 0 <= point < len(self._t) or self._t[point] == BEFORE:
            return None
        value = float(self._value[point])
        shown = value if math.isfinite(value) else None
        return Live(shown, int(self._quality[point]), int(self._t[point]), int(self._at[point]))

    def fresh(self, sources: Iterable[str]) -> dict[str, dict[str, Live]]:
        """What is new in these sources since they were last asked for."""
        found: dict[str, dict[str, Live]] = {}
        for source in sources:
            ids = self._points.get(source, NOTHING)
            new = np.flatnonzero(self._fresh[ids])
            if len(new):
                tags = self._tags[source]
                values = ((tags[place], self.live(int(ids[place]))) for place in new.tolist())
                found[source] = {tag: live for tag, live in values if live is not None}
                self._fresh[ids[new]] = False
        return found

    def all_of(self, source: str) -> dict[str, Live]:
        """Every value of a source that there is."""
        values = zip(self._tags.get(source, []), self._points.get(source, NOTHING).tolist(), strict=True)
        return {tag: live for tag, point in values if (live := self.live(point)) is not None}

    def tags_of(self, source: str) -> tuple[list[str], npt.NDArray[np.int32]]:
        """The tags of a source and their points."""
        return self._tags.get(source, []), self._points.get(source, NOTHING)

    def newest(self, points: npt.NDArray[np.int32]) -> Newest:
        """The newest readings of points that the site has."""
        t = self._t[points]
        return Newest(t > BEFORE, t, self._value[points], self._quality[points], self._at[points])

    def _put(
        self,
        points: npt.NDArray[np.int32],
        t: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        qualities: npt.NDArray[np.uint8],
        at: npt.NDArray[np.int64],
    ) -> None:
        self._grow(int(points.max(initial=-1)) + 1)
        order = np.argsort(t, kind="stable")  # of several readings of one tag the newest is written last
        order = order[t[order] >= self._t[points[order]]]
        ids = points[order]
        self._t[ids], self._value[ids] = t[order], values[order]
        self._quality[ids], self._at[ids] = qualities[order], at[order]
        self._fresh[ids] = True

    def _grow(self, count: int) -> None:
        more = count - len(self._t)
        if more <= 0:
            return
        self._t = np.concatenate([self._t, np.full(more, BEFORE, np.int64)])
        self._value = np.concatenate([self._value, np.full(more, np.nan)])
        self._quality = np.concatenate([self._quality, np.zeros(more, np.uint8)])
        self._at = np.concatenate([self._at, np.zeros(more, np.int64)])
        self._fresh = np.concatenate([self._fresh, np.zeros(more, np.bool_)])
