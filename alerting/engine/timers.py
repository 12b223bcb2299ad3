"""A time that the engine's clock has come to, to the timers that are due by then, each in its turn."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from alerting.engine.arrivals import Gateways
from alerting.engine.points import BEFORE, NEVER
from alerting.engine.rules import tick, wake_of
from alerting.engine.state import State, chunks
from alerting.engine.voice import Voice
from alerting.engine.watch import Watch
from alerting.engine.work import flush_gateway
from alerting.events import Event


class Timers:
    """Of all points; what runs on a source clock moves with its messages, and by `flush` once its gateway is silent."""

    def __init__(self, state: State, gateways: Gateways, watch: Watch) -> None:
        self._state = state
        self._gateways = gateways
        self._watch = watch

    def next_wake(self) -> int:
        """The engine's clock at which the next one fires."""
        return min(
            self._state.next_wake(),
            int(self._gateways.flush_at.min(initial=NEVER)) + 1,
            min(self._state.confirms.values(), default=NEVER) + 1,
        )

    def fire(self, now: int, slots: list[int] | None, voice: Voice) -> None:
        """All that are due at `now`; with `slots` only those of these points."""
        if slots is None:
            for row in self._gateways.silent(now):
                voice.clock = int(self._gateways.flush_at[row]) + 1
                self._fire(self._due(voice.clock), voice.clock, voice)
                self.flush(row, voice)
            voice.clock = now
            slots = self._due(now)
        self._fire(slots, now, voice)

    def flush(self, row: int, voice: Voice) -> None:
        """What a gateway with a source clock left pending when it fell silent."""
        flush_gateway(self._state, self._gateways, self._watch, row, voice)

    def _due(self, now: int) -> list[int]:
        confirmed = [slot for slot, due in self._state.confirms.items() if due < now]
        return sorted({*self._state.due(now).tolist(), *confirmed})

    def _fire(self, slots: list[int], now: int, voice: Voice) -> None:
        tied = self._watch.tied(slots)
        if len(tied) < len(slots):
            among = set(tied)
            self._tick([slot for slot in slots if slot not in among], now, voice)
        if tied:
            self._in_turn(tied, now, voice)

    def _tick(self, slots: list[int], now: int, voice: Voice) -> None:
        for chunk in chunks(slots):
            points = [point for point in self._state.load(chunk) if point.gateway < 0]
            for point in points:
                tick(point, now, voice)
            self._state.store(points)

    def _in_turn(self, slots: list[int], now: int, voice: Voice) -> None:
        """Rules and what they watch: each timer when its point's now comes to it, as if ticks had come all along."""
        turns = [(BEFORE, slot) for slot in slots]
        heapify(turns)
        while turns:
            clock, slot = heappop(turns)
            (point,) = self._state.load([slot])
            wake = wake_of(point)
            if wake > now or point.gateway >= 0:
                continue
            if wake > clock:  # not its turn yet
                heappush(turns, (wake, slot))
                continue
            voice.clock = wake
            tick(point, wake, voice)
            self._state.store([point])
            heappush(turns, (wake, slot))
            for rule in self._watch.detect(voice):
                heappush(turns, (wake, rule))
        voice.clock = now


def in_time(events: list[Event]) -> list[Event]:
    """Events of many points in order of event time; those of one point stay in their own order."""
    if len(events) < 2:
        return events
    newest: dict[tuple[str, str], int] = {}
    keys = []
    for event in events:
        key = (event.enterprise, event.tag)
        newest[key] = t = max(event.t, newest.get(key, event.t))
        keys.append(t)
    return [events[place] for place in sorted(range(len(events)), key=keys.__getitem__)]
