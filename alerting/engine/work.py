"""The readings of one batch to events in their order: by sweep where nothing can happen, by rule where it can."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from alerting.engine.arrivals import LATE_MS, Gateways
from alerting.engine.past import Late, Past
from alerting.engine.points import NEVER, Point
from alerting.engine.rules import advance, arrive, flush
from alerting.engine.state import State, chunks
from alerting.engine.surge import surge
from alerting.engine.sweep import FEW, Samples, rounds, sweep
from alerting.engine.voice import Tap, Voice
from alerting.engine.watch import Watch
from alerting.events import Event

PIECE = 1_024  # readings walked with their points as objects at once
FEW_FLIPS = 12  # below, one after the other is faster than in bulk


class Work:
    """One batch. Whatever the order of work, events come out in the order of the readings behind them."""

    def __init__(
        self, state: State, gateways: Gateways, watch: Watch, past: Past, usual: list[int], voice: Voice
    ) -> None:
        self._state = state
        self._gateways = gateways
        self._watch = watch
        self._usual = usual  # delay of each message's gateway
        self._voice = voice
        self._orders: list[int] = []  # of each event: the place of its reading in the batch
        self._taps: list[tuple[int, Tap]] = []
        self._past = past
        self._swept: list[Samples] = []  # what came too late and was not walked
        self._walked: list[tuple[int, int, float, int, int]] = []  # what was: point, time, value, quality, order
        self._late_at: list[int] = []

    def run(self, samples: Samples, rows: npt.NDArray[np.int32]) -> list[Event]:
        """All of them; `rows` are the messages' gateways."""
        for run, row in _runs(samples, rows, self._gateways.source):
            if row < 0:
                self._wall(run)
            else:
                self._source(run, row)
        self._keep_late()
        events, orders = self._voice.events, self._orders
        return [events[place] for place in sorted(range(len(events)), key=orders.__getitem__)]

    def _wall(self, samples: Samples) -> None:
        """Readings whose points run on our clock."""
        for part in rounds(self._state, samples):
            if part.repeated or len(part.samples) < FEW:
                self._walk(part.samples, -1)
            else:
                swept = sweep(self._state, part.samples, late_apart=not self._voice.per_sample_late)
                if swept.rest is not None:
                    self._surge(swept.rest)
                if swept.watched is not None:
                    self._tap(swept.watched)
                if swept.late is not None:
                    self._too_late(swept.late)
        self._detect()

    def _surge(self, samples: Samples) -> None:
        """Many flips at once, as far as they are plain."""
        rest: Samples | None = samples
        if len(samples) >= FEW_FLIPS:
            usual = np.array(self._usual, np.int64)[samples.message]
            rest, watched, events = surge(self._state, samples, samples.at - samples.t > usual + LATE_MS)
            for order, event in events:
                self._voice.events.append(event)
                self._orders.append(order)
            if watched is not None:
                self._tap(watched)
        if rest is not None:
            self._walk(rest, -1)

    def _walk(self, samples: Samples, row: int) -> None:
        """One reading after the other, through the rules; the points may repeat. In pieces, to bound the objects."""
        for start in range(0, len(samples), PIECE):
            self._walk_piece(samples.take(slice(start, start + PIECE)), row)

    def _walk_piece(self, samples: Samples, row: int) -> None:
        voice = self._voice
        usual = self._usual
        points = self._load(samples, row)
        columns = (samples.order, samples.message, samples.slots, samples.t, samples.value, samples.quality, samples.at)
        for order, message, slot, t, v, quality, at in zip(*(column.tolist() for column in columns), strict=True):
            voice.clock = at
            arrive(points[slot], t, v, quality, at - t > usual[message] + LATE_MS, voice)
            self._told(order)
            if voice.past:
                self._told_late(points[slot], order, at)
        self._state.store(points.values(), settled=True)

    def _load(self, samples: Samples, row: int) -> dict[int, Point]:
        points = {point.slot: point for point in self._state.load(np.unique(samples.slots).tolist())}
        for point in points.values():
            self._gateways.belong(point, row)
        return points

    def _source(self, samples: Samples, row: int) -> None:
        """One message of a gateway with a source clock: its newest sample is the now of all that it feeds (R15)."""
        voice = self._voice
        last = int(samples.order[-1])
        at = int(samples.at[-1])
        if self._gateways.flush_at[row] < at:
            voice.clock = at
            flush_gateway(self._state, self._gateways, self._watch, row, voice)
            self._told(int(samples.order[0]))
        self._walk(samples, row)
        self._detect()
        self._gateways.heard(row, int(samples.t.max()), at)
        voice.clock = at
        members = sorted(self._gateways.members.get(row, ()))
        for is_rule in (False, True):
            self._advance([slot for slot in members if (slot in self._watch.rules) is is_rule], row)
            self._watch.detect(voice)
        self._told(last)

    def _advance(self, members: list[int], row: int) -> None:
        now = int(self._gateways.newest_t[row])
        for chunk in chunks(self._state.due_by(members, now)):
            points = self._state.load(chunk)
            for point in points:
                advance(point, now, self._voice)
            self._state.store(points)

    def _told_late(self, point: Point, order: int, at: int) -> None:
        past, self._voice.past = self._voice.past, []
        identity = int(self._state.ids[point.slot])
        self._past.see(identity, point)
        self._walked += [(identity, t, v, quality, order) for t, v, quality in past]
        self._late_at.append(at)

    def _told(self, order: int) -> None:
        """What was said since belongs to that reading."""
        voice = self._voice
        self._orders += [order] * (len(voice.events) - len(self._orders))
        if voice.taps:
            self._taps += [(order, tap) for tap in voice.taps]
            voice.taps = []

    def _tap(self, samples: Samples) -> None:
        """What a rule watches moved nothing by itself; the detectors learn of it all the same."""
        columns = (samples.order, samples.message, samples.slots, samples.t, samples.value, samples.quality, samples.at)
        for order, message, slot, t, v, quality, at in zip(*(column.tolist() for column in columns), strict=True):
            late = at - t > self._usual[message] + LATE_MS
            self._taps.append((order, Tap(slot, t, v, quality, at, late)))

    def _too_late(self, samples: Samples) -> None:
        """They move nothing here; the second copy of the rules judges them in their time."""
        self._voice.counters.late += len(samples)
        unseen = self._past.unseen(self._state.ids[samples.slots])
        for point in self._state.load(self._state.slots(unseen)):
            self._past.see(int(self._state.ids[point.slot]), point)
        self._swept.append(samples)

    def _keep_late(self) -> None:
        """All that came too late, in the order of arrival."""
        if not self._swept and not self._walked:
            return
        late = Late.joined(
            [Late(self._state.ids[s.slots], s.t, s.value, s.quality, s.order) for s in self._swept]
            + [Late.of_rows(self._walked)]
        )
        arrivals = [at for s in self._swept for at in (int(s.at.min()), int(s.at.max()))] + self._late_at
        self._past.add(late.as_it_came(), min(arrivals), max(arrivals))

    def _detect(self) -> None:
        """The detectors learn of their inputs in the order of the readings."""
        taps, self._taps = self._taps, []
        for order, tap in sorted(taps, key=lambda pair: pair[0]):
            self._watch.tapped(tap, self._voice)
            self._told(order)


def flush_gateway(state: State, gateways: Gateways, watch: Watch, row: int, voice: Voice) -> None:
    """A gateway with a source clock has been silent for 10 s: its points' pending timers come true (R15)."""
    gateways.flush_at[row] = NEVER
    members = sorted(gateways.members.get(row, ()))
    for is_rule in (False, True):
        for chunk in chunks([slot for slot in members if (slot in watch.rules) is is_rule]):
            points = state.load(chunk)
            for point in points:
                flush(point, voice)
            state.store(points)
        watch.detect(voice)


def _runs(
    samples: Samples, rows: npt.NDArray[np.int32], source: npt.NDArray[np.bool_]
) -> Iterator[tuple[Samples, int]]:
    """Stretches of readings with their gateway's row: message by message on a source clock, else all at once (-1)."""
    if not len(samples):
        return
    on_source = np.zeros(len(rows), np.bool_)
    if source.any():
        on_source = (rows >= 0) & source[np.where(rows >= 0, rows, 0)]
    if not on_source.any():
        yield samples, -1
        return
    key = np.where(on_source[samples.message], samples.message, -1)
    edges = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(samples)]
    for start, end in pairwise(edges):
        run = samples.take(slice(start, end))
        message = int(key[start])
        yield run, -1 if message < 0 else int(rows[message])
