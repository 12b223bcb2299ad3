"""Messages as they arrived to what goes on the line: readings and rejects in batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ingest.decode import GOOD
from line.messages import CLOCK_GATEWAY, Batch, GatewayStatus, Reject

T = TypeVar("T")

MOST_READINGS = 5_000  # of one message on the line
MOST_BYTES = 512 << 10
PLATFORM_GATEWAY = -1
A_READING, A_MESSAGE, A_REJECT = 34, 20, 400  # bytes on the line, about; a reject has its payload beside it


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings side by side, one entry each; the units of line.messages.Batch."""

    points: npt.NDArray[np.int32]
    t_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]
    clocks: npt.NDArray[np.uint8]
    source_t_ms: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)

    def cut(self, begin: int, end: int) -> Columns:
        return Columns(
            self.points[begin:end],
            self.t_ms[begin:end],
            self.values[begin:end],
            self.qualities[begin:end],
            self.clocks[begin:end],
            self.source_t_ms[begin:end],
        )


def no_readings() -> Columns:
    return Columns(
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.float64),
        np.empty(0, np.uint8),
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What one message, or 5,000 readings of one, adds to a batch."""

    hash: int
    gateway: int
    at_ms: int
    readings: Columns
    rejects: tuple[Reject, ...] = ()
    statuses: tuple[GatewayStatus, ...] = ()

    @property
    def size(self) -> int:
        kept = sum(reject_size(one) for one in self.rejects)
        return A_MESSAGE + A_READING * len(self.readings) + kept + A_MESSAGE * len(self.statuses)


def reject_size(one: Reject) -> int:
    return A_REJECT + len(one.payload) + len(one.topic) + len(one.detail)


def platform_part(points: dict[int, float], at_ms: int, statuses: Sequence[GatewayStatus] = ()) -> Part:
    """What the platform says itself, as ordinary readings of now."""
    count = len(points)
    return Part(
        0,
        PLATFORM_GATEWAY,
        at_ms,
        Columns(
            np.fromiter(points, np.int32, count),
            np.full(count, at_ms, np.int64),
            np.fromiter(points.values(), np.float64, count),
            np.full(count, GOOD, np.uint8),
            np.full(count, CLOCK_GATEWAY, np.uint8),
            np.full(count, at_ms, np.int64),
        ),
        (),
        tuple(statuses),
    )


def pack(prepared: Iterable[tuple[T, list[Part]]], registry: int) -> list[Parcel[T]]:
    """Parts to as few batches as their bounds allow, in order; each with the messages that end in it."""
    parcels: list[Parcel[T]] = []
    parts: list[Part] = []
    ending: list[T] = []
    readings = size = 0
    for owner, own in prepared:
        for part in own:
            if parts and (readings + len(part.readings) > MOST_READINGS or size + part.size > MOST_BYTES):
                parcels.append(Parcel(batch(parts, registry), ending))
                parts, ending, readings, size = [], [], 0, 0
            parts.append(part)
            readings += len(part.readings)
            size += part.size
        ending.append(owner)
    if parts or ending:
        parcels.append(Parcel(batch(parts, registry) if parts else None, ending))
    return parcels


@dataclass(frozen=True, slots=True)
class Parcel(Generic[T]):
    """One message for the line (None: nothing to keep), and who may be confirmed once it is there."""

    batch: Batch | None
    ending: list[T]


def batch(parts: Sequence[Part], registry: int) -> Batch:
    """Parts side by side."""
    return Batch(
        registry=registry,
        hashes=np.array([part.hash for part in parts], np.uint64),
        gateways=np.array([part.gateway for part in parts], np.int32),
        at_ms=np.array([part.at_ms for part in parts], np.int64),
        message=np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.readings) for part in parts]),
        points=np.concatenate([part.readings.points for part in parts]),
        t_ms=np.concatenate([part.readings.t_ms for part in parts]),
        values=np.concatenate([part.readings.values for part in parts]),
        qualities=np.concatenate([part.readings.qualities for part in parts]),
        clocks=np.concatenate([part.readings.clocks for part in parts]),
        source_t_ms=np.concatenate([part.readings.source_t_ms for part in parts]),
        rejects=tuple(one for part in parts for one in part.rejects),
        statuses=tuple(one for part in parts for one in part.statuses),
    )
