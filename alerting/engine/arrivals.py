"""Arrivals of messages to each gateway's usual delay, and to the time of those whose clock is their source's (R15)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from alerting.engine.points import BEFORE, CONFIRM_MS, NEVER, Point
from registry.alarms import GatewaySettings

LATE_MS = 30_000  # later than usual by more than this: the event is late
WINDOW_MS = 600_000
SILENCE_MS = 60_000  # a longer silence counts as so long: after an outage the usual delay is that from before it
UNSEEN = 2**62


class Gateways:
    """One row a gateway, never given up: points may still run on the time of one that is gone from the plan."""

    COLUMNS = ("ids", "source", "newest_t", "flush_at")

    def __init__(self) -> None:
        self.ids: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.source: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.newest_t: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # of a source clock: its now
        self.flush_at: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # engine clock; NEVER when done
        self.members: dict[int, set[int]] = {}  # row of one with a source clock: slots of the points on its time
        # row: (time, delay) of those messages of the last ten minutes that no later one undercuts; the first has the
        # smallest delay. The time is that during which messages came. Memory: a few pairs, at worst one a message when
        # a clock drifts steadily.
        self.delays: dict[int, deque[tuple[int, int]]] = {}
        self.spoken: dict[int, tuple[int, int]] = {}  # row: newest arrival, and for how long messages have come
        self.index()

    def plan(self, gateways: Iterable[GatewaySettings]) -> None:
        """Takes over a plan's gateways."""
        settings = list(gateways)
        known = set(self.ids.tolist())
        new = [gateway.id for gateway in settings if gateway.id not in known]
        self.ids = np.concatenate([self.ids, np.array(new, np.int32)])
        self.source = np.concatenate([self.source, np.zeros(len(new), np.bool_)])
        self.newest_t = np.concatenate([self.newest_t, np.full(len(new), BEFORE, np.int64)])
        self.flush_at = np.concatenate([self.flush_at, np.full(len(new), NEVER, np.int64)])
        self.index()
        for gateway in settings:
            self.source[self._row_of[gateway.id]] = gateway.source_clock

    def index(self) -> None:
        """Makes anew what follows from the columns."""
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

    def silent(self, clock: int) -> list[int]:
        """Those with a source clock from which nothing has come for 10 s, the longest silent first."""
        rows = np.flatnonzero(self.flush_at < clock)
        found: list[int] = rows[np.argsort(self.flush_at[rows], kind="stable")].tolist()
        return found

    def heard(self, row: int, t: int, at: int) -> None:
        """A message of a gateway with a source clock: its newest sample is its now, for 10 s."""
        self.newest_t[row] = max(int(self.newest_t[row]), t)
        self.flush_at[row] = at + CONFIRM_MS

    def measured(
        self, rows: npt.NDArray[np.int32], at: npt.NDArray[np.int64], delay: npt.NDArray[np.int64]
    ) -> list[int]:
        """Messages of these gateways have come in: message by message the usual delay, this message in it.

        `rows` are -1 where nothing is ever late; `delay` is arrival less newest event time, UNSEEN without a reading.
        """
        usual = []
        delays = self.delays
        for row, arrival, own in zip(rows.tolist(), at.tolist(), delay.tolist(), strict=True):
            if row < 0 or own >= UNSEEN:
                usual.append(NEVER)
                continue
            recent = delays.get(row)
            if recent is None:
                recent = delays[row] = deque()
            before, time = self.spoken.get(row, (arrival, 0))
            time += min(max(arrival - before, 0), SILENCE_MS)
            self.spoken[row] = max(arrival, before), time
            while recent and recent[-1][1] >= own:
                recent.pop()
            recent.append((time, own))
            while recent[0][0] < time - WINDOW_MS:
                recent.popleft()
            usual.append(recent[0][1])
        return usual
