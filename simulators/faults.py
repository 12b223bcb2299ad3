"""Faults of instruments and gateways: objects that turn readings, one by one, into worse ones; they compose."""

from __future__ import annotations

import heapq
import random
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Protocol

from simulators.reading import BAD, Reading


class FaultError(Exception):
    """The configuration names a fault that there is not, or gives it what it does not take."""


class Fault(Protocol):
    """What happens to readings between instrument and broker."""

    def react(self, one: Reading) -> Iterable[Reading]:
        """What comes out when this reading goes in: it, none, several, or others that were held."""

    def rest(self) -> Iterable[Reading]:
        """What is still held when no more go in."""


def applied(fault: Fault, readings: Iterable[Reading]) -> Iterator[Reading]:
    """A whole stream with its fault."""
    for one in readings:
        yield from fault.react(one)
    yield from fault.rest()


class _Immediate:
    """Of the faults that hold nothing back."""

    def rest(self) -> Iterable[Reading]:
        return ()


class Noise(_Immediate):
    """Gaussian noise on every value."""

    def __init__(self, sigma: float, seed: int = 1) -> None:
        self._sigma, self._random = sigma, random.Random(seed)

    def react(self, one: Reading) -> Iterable[Reading]:
        yield one if one.value is None else one._replace(value=one.value + self._random.gauss(0, self._sigma))


class Drift(_Immediate):
    """A value that wanders off from one moment on."""

    def __init__(self, per_hour: float, since_ms: int = 0) -> None:
        self._per_ms, self._since_ms = per_hour / 3_600_000, since_ms

    def react(self, one: Reading) -> Iterable[Reading]:
        away = self._per_ms * max(0, one.t_ms - self._since_ms)
        yield one if one.value is None else one._replace(value=one.value + away)


class Stuck(_Immediate):
    """From one moment on each tag repeats the value that it showed last, for a time or for ever."""

    def __init__(self, since_ms: int = 0, until_ms: int | None = None) -> None:
        self._since_ms, self._until_ms = since_ms, until_ms
        self._held: dict[str, float | None] = {}

    def react(self, one: Reading) -> Iterable[Reading]:
        if not _within(one.t_ms, self._since_ms, self._until_ms) or one.tag not in self._held:
            self._held[one.tag] = one.value
        yield one._replace(value=self._held[one.tag])


class Dead(_Immediate):
    """Silence, for a time or for ever."""

    def __init__(self, since_ms: int = 0, until_ms: int | None = None) -> None:
        self._since_ms, self._until_ms = since_ms, until_ms

    def react(self, one: Reading) -> Iterable[Reading]:
        return () if _within(one.t_ms, self._since_ms, self._until_ms) else (one,)


class BadQuality(_Immediate):
    """Some readings say that their instrument gives no value."""

    def __init__(self, share: float, seed: int = 1) -> None:
        self._share, self._random = share, random.Random(seed)

    def react(self, one: Reading) -> Iterable[Reading]:
        yield one._replace(value=None, quality=BAD) if self._random.random() < self._share else one


class Duplicate(_Immediate):
    """Some readings come twice, at once."""

    def __init__(self, share: float, seed: int = 1) -> None:
        self._share, self._random = share, random.Random(seed)

    def react(self, one: Reading) -> Iterable[Reading]:
        yield one
        if self._random.random() < self._share:
            yield one


class Late:
    """Some readings come only after others that are up to `by_ms` newer; their times stay what they were."""

    def __init__(self, by_ms: int, share: float, seed: int = 1) -> None:
        self._by_ms, self._share, self._random = by_ms, share, random.Random(seed)
        self._waiting: list[tuple[int, int, Reading]] = []
        self._number = 0

    def react(self, one: Reading) -> Iterable[Reading]:
        while self._waiting and self._waiting[0][0] <= one.t_ms:
            yield heapq.heappop(self._waiting)[2]
        if self._random.random() < self._share:
            self._number += 1
            heapq.heappush(self._waiting, (one.t_ms + self._by_ms, self._number, one))
        else:
            yield one

    def rest(self) -> Iterable[Reading]:
        while self._waiting:
            yield heapq.heappop(self._waiting)[2]


class OutOfOrder:
    """Readings change places within a window of so many."""

    def __init__(self, window: int, seed: int = 1) -> None:
        self._window, self._random = window, random.Random(seed)
        self._held: list[Reading] = []

    def react(self, one: Reading) -> Iterable[Reading]:
        self._held.append(one)
        if len(self._held) >= self._window:
            yield self._held.pop(self._random.randrange(len(self._held)))

    def rest(self) -> Iterable[Reading]:
        while self._held:
            yield self._held.pop(self._random.randrange(len(self._held)))


class ClockSkew(_Immediate):
    """A gateway whose clock is wrong."""

    def __init__(self, by_ms: int) -> None:
        self._by_ms = by_ms

    def react(self, one: Reading) -> Iterable[Reading]:
        yield one._replace(t_ms=one.t_ms + self._by_ms)


class Only:
    """A fault of some tags; the others pass."""

    def __init__(self, tags: Container[str], fault: Fault) -> None:
        self._tags, self._fault = tags, fault

    def react(self, one: Reading) -> Iterable[Reading]:
        return self._fault.react(one) if one.tag in self._tags else (one,)

    def rest(self) -> Iterable[Reading]:
        return self._fault.rest()


class Together:
    """One fault after the other."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = faults

    def react(self, one: Reading) -> Iterable[Reading]:
        return self._through((one,), 0)

    def rest(self) -> Iterable[Reading]:
        for place, fault in enumerate(self._faults):
            yield from self._through(fault.rest(), place + 1)

    def _through(self, readings: Iterable[Reading], first: int) -> list[Reading]:
        found = list(readings)
        for fault in self._faults[first:]:
            found = [worse for one in found for worse in fault.react(one)]
        return found


KINDS: dict[str, type] = {
    "noise": Noise,
    "drift": Drift,
    "stuck": Stuck,
    "dead": Dead,
    "bad_quality": BadQuality,
    "duplicate": Duplicate,
    "late": Late,
    "out_of_order": OutOfOrder,
    "clock_skew": ClockSkew,
}


def configured(given: Mapping[str, Any], *, now_ms: int) -> Fault:
    """`{"fault": "late", "by_ms": 5000, "share": 0.1, "tags": ["T"]}` as an object.

    `after_s` and `for_s` count from now and stand for `since_ms` and `until_ms`; without `tags` it is the whole
    gateway's.
    """
    words = dict(given)
    kind, tags = words.pop("fault", None), words.pop("tags", None)
    if "for_s" in words:
        words["until_ms"] = now_ms + round((words.get("after_s", 0) + words.pop("for_s")) * 1000)
    if "after_s" in words:
        words["since_ms"] = now_ms + round(words.pop("after_s") * 1000)
    if kind not in KINDS:
        raise FaultError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    try:
        fault: Fault = KINDS[kind](**words)
    except TypeError as error:
        raise FaultError(f"{kind}: {str(error).replace('__init__() ', '')}") from error
    return fault if tags is None else Only(frozenset(tags), fault)


def _within(t_ms: int, since_ms: int, until_ms: int | None) -> bool:
    return t_ms >= since_ms and (until_ms is None or t_ms < until_ms)
