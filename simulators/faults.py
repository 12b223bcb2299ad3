"""Faults of instruments and gateways, each from a stream of readings to a worse one; they compose."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator

from simulators.reading import Reading

Stream = Iterable[Reading]
Fault = Callable[[Stream], Iterator[Reading]]


def noise(sigma: float, seed: int) -> Fault:
    """Gaussian noise on every value."""

    def worse(readings: Stream) -> Iterator[Reading]:
        chance = random.Random(seed)
        for one in readings:
            yield one if one.value is None else one._replace(value=one.value + chance.gauss(0, sigma))

    return worse


def drift(per_hour: float, since_ms: int) -> Fault:
    """A value that wanders off from one moment on."""

    def worse(readings: Stream) -> Iterator[Reading]:
        for one in readings:
            hours = max(0, one.t_ms - since_ms) / 3_600_000
            yield one if one.value is None else one._replace(value=one.value + per_hour * hours)

    return worse


def stuck(since_ms: int) -> Fault:
    """From one moment on each tag repeats the value that it showed last."""

    def worse(readings: Stream) -> Iterator[Reading]:
        held: dict[str, float | None] = {}
        for one in readings:
            if one.t_ms < since_ms or one.tag not in held:
                held[one.tag] = one.value
            yield one._replace(value=held[one.tag])

    return worse


def dead(since_ms: int, until_ms: int | None = None) -> Fault:
    """Silence for a time, or for ever."""

    def worse(readings: Stream) -> Iterator[Reading]:
        for one in readings:
            if one.t_ms < since_ms or (until_ms is not None and one.t_ms >= until_ms):
                yield one

    return worse


def duplicate(share: float, seed: int) -> Fault:
    """Some readings come twice, at once."""

    def worse(readings: Stream) -> Iterator[Reading]:
        chance = random.Random(seed)
        for one in readings:
            yield one
            if chance.random() < share:
                yield one

    return worse


def late(by_ms: int, share: float, seed: int) -> Fault:
    """Some readings come only after others that are up to `by_ms` newer; their times stay what they were."""

    def worse(readings: Stream) -> Iterator[Reading]:
        chance = random.Random(seed)
        waiting: list[tuple[int, int, Reading]] = []
        for number, one in enumerate(readings):
            while waiting and waiting[0][0] <= one.t_ms:
                yield heapq.heappop(waiting)[2]
            if chance.random() < share:
                heapq.heappush(waiting, (one.t_ms + by_ms, number, one))
            else:
                yield one
        while waiting:
            yield heapq.heappop(waiting)[2]

    return worse


def out_of_order(window: int, seed: int) -> Fault:
    """Readings change places within a window of so many."""

    def worse(readings: Stream) -> Iterator[Reading]:
        chance = random.Random(seed)
        held: list[Reading] = []
        for one in readings:
            held.append(one)
            if len(held) >= window:
                yield held.pop(chance.randrange(len(held)))
        chance.shuffle(held)
        yield from held

    return worse


def clock_skew(by_ms: int) -> Fault:
    """A gateway whose clock is wrong."""

    def worse(readings: Stream) -> Iterator[Reading]:
        for one in readings:
            yield one._replace(t_ms=one.t_ms + by_ms)

    return worse


def together(*faults: Fault) -> Fault:
    """One fault after the other."""

    def worse(readings: Stream) -> Iterator[Reading]:
        stream: Stream = readings
        for fault in faults:
            stream = fault(stream)
        yield from stream

    return worse
