"""Batches of the line to rows of the database: one row a reading, the first of each tag and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
import numpy.typing as npt

from line.messages import Batch

DAY_MS = 86_400_000
Stored = Mapping[tuple[int, int], tuple[float, int]]  # of point and Unix milliseconds: value (NaN: none) and quality


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings side by side in the order in which they came; `gateways` is who sent them."""

    points: npt.NDArray[np.int32]
    t_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]
    clocks: npt.NDArray[np.uint8]
    source_t_ms: npt.NDArray[np.int64]
    received_ms: npt.NDArray[np.int64]
    gateways: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.points)

    def chosen(self, which: npt.NDArray[np.intp]) -> Rows:
        """Some of them, by their places."""
        return Rows(
            self.points[which],
            self.t_ms[which],
            self.values[which],
            self.qualities[which],
            self.clocks[which],
            self.source_t_ms[which],
            self.received_ms[which],
            self.gateways[which],
        )

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        return cls(
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.t_ms for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.qualities for part in parts]),
            np.concatenate([part.clocks for part in parts]),
            np.concatenate([part.source_t_ms for part in parts]),
            np.concatenate([part.received_ms for part in parts]),
            np.concatenate([part.gateways for part in parts]),
        )

    def with_keys(self, stored: Stored) -> Rows:
        """Those whose tag and time are among `stored`."""
        return self.chosen(np.flatnonzero([key in stored for key in self._keys()]))

    def but_equal(self, stored: Stored) -> Rows:
        """All but those that say exactly what is stored."""
        said = zip(self._keys(), self.values.tolist(), self.qualities.tolist(), strict=True)
        return self.chosen(
            np.flatnonzero([not _equal(stored.get(key), (value, quality)) for key, value, quality in said])
        )

    def _keys(self) -> Iterator[tuple[int, int]]:
        return zip(self.points.tolist(), self.t_ms.tolist(), strict=True)

    def days(self) -> list[int]:
        """The UTC days they lie on, as days since 1970."""
        return [int(day) for day in np.unique(self.t_ms // DAY_MS)]


def rows_of(batches: Sequence[Batch]) -> Rows:
    """All readings of some batches, in order."""
    return Rows(
        np.concatenate([batch.points for batch in batches] or [np.empty(0, np.int32)]),
        np.concatenate([batch.t_ms for batch in batches] or [np.empty(0, np.int64)]),
        np.concatenate([batch.values for batch in batches] or [np.empty(0, np.float64)]),
        np.concatenate([batch.qualities for batch in batches] or [np.empty(0, np.uint8)]),
        np.concatenate([batch.clocks for batch in batches] or [np.empty(0, np.uint8)]),
        np.concatenate([batch.source_t_ms for batch in batches] or [np.empty(0, np.int64)]),
        np.concatenate([batch.at_ms[batch.message] for batch in batches] or [np.empty(0, np.int64)]),
        np.concatenate([batch.gateways[batch.message] for batch in batches] or [np.empty(0, np.int32)]),
    )


def first_of_each(rows: Rows) -> tuple[Rows, Rows]:
    """The first reading of each tag and time; and those of the others that say something else."""
    if not len(rows):
        return rows, rows
    order = np.lexsort((rows.t_ms, rows.points))  # stable: equal keys stay in the order in which they came
    points, t_ms = rows.points[order], rows.t_ms[order]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (points[1:] != points[:-1]) | (t_ms[1:] != t_ms[:-1])
    if begins.all():
        return rows, rows.chosen(np.empty(0, np.intp))
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))]
    same_value = (rows.values[order] == rows.values[first]) | (
        np.isnan(rows.values[order]) & np.isnan(rows.values[first])
    )
    differs = ~(same_value & (rows.qualities[order] == rows.qualities[first]))
    return rows.chosen(np.sort(order[begins])), rows.chosen(np.sort(order[differs]))


def _equal(stored: tuple[float, int] | None, said: tuple[float, int]) -> bool:
    if stored is None or stored[1] != said[1]:
        return False
    return stored[0] == said[0] or (isnan(stored[0]) and isnan(said[0]))
