"""Arrivals of messages to each gateway's usual delay, and to the time of those whose clock is their source's (R15)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from alerting.engine.points import BEFORE, CONFIRM_MS, NEVER, Point
from registry.alarms import GatewaySettings

LATE_MS = 30_000  # later than usual by more than this: the event is late
BUCKET_MS = 60_000
BUCKETS = 11  # ten minutes and the one that has begun
UNSEEN = 2**62


class Gateways:
    """One row a gateway. Its usual delay is the smallest of its last ten minutes of messages, kept by the minute.

    Memory: 200 bytes a gateway.
    """

    def __init__(self) -> None:
        self.ids: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.source: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.newest_t: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # of a source clock: its now
        self.flush_at: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # engine clock; NEVER when done
        self.minute: npt.NDArray[np.int64] = np.zeros((0, BUCKETS), np.int64)
        self.least: npt.NDArray[np.int64] = np.zeros((0, BUCKETS), np.int64)
        self.rows: dict[int, int] = {}
        self.members: dict[int, set[int]] = {}  # row of one with a source clock: slots of the points on its time

    COLUMNS = ("ids", "source", "newest_t", "flush_at", "minute", "least")

    def plan(self, gateways: Iterable[GatewaySettings]) -> None:
        """Takes over a plan's gateways; those that are gone keep their row, since points may run on their time."""
        settings = list(gateways)
        new = [gateway for gateway in settings if gateway.id not in self.rows]
        for gateway in new:
            self.rows[gateway.id] = len(self.rows)
        count = len(new)
        self.ids = np.concatenate([self.ids, np.array([gateway.id for gateway in new], np.int32)])
        self.source = np.concatenate([self.source, np.zeros(count, np.bool_)])
        self.newest_t = np.concatenate([self.newest_t, np.full(count, BEFORE, np.int64)])
        self.flush_at = np.concatenate([self.flush_at, np.full(count, NEVER, np.int64)])
        self.minute = np.concatenate([self.minute, np.full((count, BUCKETS), -1, np.int64)])
        self.least = np.concatenate([self.least, np.full((count, BUCKETS), UNSEEN, np.int64)])
        for gateway in settings:
            self.source[self.rows[gateway.id]] = gateway.source_clock
        self.index()

    def index(self) -> None:
        """Makes anew what follows from the columns."""
        self.rows = {gateway: row for row, gateway in enumerate(self.ids.tolist())}
        self._row_of = np.full(int(self.ids.max(initial=-1)) + 1, -1, np.int32)
        if len(self.ids):
            self._row_of[self.ids] = np.arange(len(self.ids), dtype=np.int32)

    def rows_of(self, gateways: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Rows of these gateway ids; -1 for the platform and for unknown ones, whose readings are never late."""
        known = (gateways >= 0) & (gateways < len(self._row_of))
        if not len(self._row_of):
            return np.full(len(gateways), -1, np.int32)
        rows: npt.NDArray[np.int32] = np.where(known, self._row_of[np.where(known, gateways, 0)], -1).astype(np.int32)
        return rows

    def belong(self, point: Point, row: int) -> None:
        """The point was last fed by that gateway with a source clock (-1: by one without)."""
        if point.gateway == row:
            return
        if point.gateway >= 0:
            self.members[point.gateway].discard(point.slot)
        if row >= 0:
            self.members.setdefault(row, set()).add(point.slot)
        point.gateway = row

    def gather(self, gateway: npt.NDArray[np.int32]) -> None:
        """Makes anew which points are on whose time, from the points' column."""
        self.members = {}
        for slot in np.flatnonzero(gateway >= 0).tolist():
            self.members.setdefault(int(gateway[slot]), set()).add(slot)

    def heard(self, row: int, t: int, at: int) -> None:
        """A message of a gateway with a source clock: its newest sample is its now, for 10 s."""
        self.newest_t[row] = max(int(self.newest_t[row]), t)
        self.flush_at[row] = at + CONFIRM_MS


class Delays:
    """The messages of one batch against their gateways' usual delays; worked out only when somebody asks.

    `rows` are rows of gateways (-1: never late), `at` arrivals, `delay` arrival less newest event time (UNSEEN where a
    message holds no reading), all one entry a message.
    """

    def __init__(
        self,
        gateways: Gateways,
        rows: npt.NDArray[np.int32],
        at: npt.NDArray[np.int64],
        delay: npt.NDArray[np.int64],
    ) -> None:
        self._gateways = gateways
        measured = (rows >= 0) & (delay < UNSEEN)
        if measured.any():
            measured &= ~gateways.source[np.where(measured, rows, 0)]
        self._rows = np.where(measured, rows, -1)
        self._at = at
        self._delay = delay
        self._usual: list[int] | None = None

    def late(self, message: int, delay: int) -> bool:
        """Whether a sample of that message, delayed so much, came more than 30 s later than usual."""
        if self._usual is None:
            self._usual = self._walk()
        return delay > self._usual[message] + LATE_MS

    def close(self) -> None:
        """The batch is over: its messages count for the next ones."""
        if self._usual is None:
            self._fold()

    def _walk(self) -> list[int]:
        """Message by message: the usual delay with this message in it."""
        minutes, least = self._gateways.minute, self._gateways.least
        usual = [NEVER] * len(self._rows)
        columns = (self._rows.tolist(), self._at.tolist(), self._delay.tolist())
        for message, (row, at, delay) in enumerate(zip(*columns, strict=True)):
            if row < 0:
                continue
            minute = at // BUCKET_MS
            bucket = minute % BUCKETS
            if minutes[row, bucket] < minute:
                minutes[row, bucket], least[row, bucket] = minute, delay
            elif minutes[row, bucket] == minute and delay < least[row, bucket]:
                least[row, bucket] = delay
            recent = minutes[row] > minute - BUCKETS
            usual[message] = min(delay, int(least[row][recent].min(initial=UNSEEN)))
        return usual

    def _fold(self) -> None:
        """The same end in one go."""
        told = np.flatnonzero(self._rows >= 0)
        if not len(told):
            return
        minute = self._at[told] // BUCKET_MS
        cell = self._rows[told].astype(np.int64) * BUCKETS + minute % BUCKETS
        delay = self._delay[told]
        minutes, least = self._gateways.minute.reshape(-1), self._gateways.least.reshape(-1)
        before = minutes[cell]
        np.maximum.at(minutes, cell, minute)
        least[cell[minutes[cell] != before]] = UNSEEN
        current = minute == minutes[cell]
        np.minimum.at(least, cell[current], delay[current])
