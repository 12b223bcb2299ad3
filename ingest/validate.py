"""What a message says, against the site: readings by point id, and rejects for what nobody knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.decode import BAD, GOOD, RawReadings, Reason, Refusal
from line.messages import Reject
from registry.site import Site

KEPT = 64 << 10  # bytes of a refused payload that are kept
TOPIC_KEPT, TAG_KEPT, DETAIL_KEPT = 1024, 128, 1024
SINGLY = 100  # readings of one message that get a reject each; the rest share one, which says how many they are
PREFIX = ("hazard", "v1")


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a message was sent: the identity of its sender."""

    enterprise: str
    gateway: str
    kind: str


@dataclass(frozen=True, slots=True)
class Port:
    """One gateway as ingest knows it: the point id of each tag it may send, and all tags of its enterprise."""

    id: int
    enterprise: str
    code: str
    source_clock: bool
    offline_after_ms: int
    own: dict[str, int]
    known: dict[str, int]


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which gateways there are and which tags each may send, of one version of the site."""

    version: int
    enterprises: frozenset[str]
    ports: dict[tuple[str, str], Port]
    platform: dict[str, int]  # point ids of what the platform says of itself, by enterprise/tag

    def port(self, topic: Topic) -> Port | Reason:
        """The gateway of a topic, or why there is none."""
        found = self.ports.get((topic.enterprise, topic.gateway))
        if found is not None:
            return found
        return Reason.UNKNOWN_GATEWAY if topic.enterprise in self.enterprises else Reason.UNKNOWN_ENTERPRISE


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came: `payload` may be cut at 64 KiB where it is too large, `size` and `sha256` are of all."""

    topic: str
    payload: bytes
    size: int
    at_ms: int
    sha256: str = ""
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one message: what stands for the time of readings without one, and what is added to the others."""

    instant_ms: int
    shift_ms: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """The readings of one object that can be stored: one entry a reading, `ts_ms` None where it gave no time."""

    ts_ms: int | None
    points: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]


def wiring(site: Site) -> Wiring:
    """A site as ingest needs it; made once a version."""
    known: dict[str, dict[str, int]] = {code: {} for code in site.enterprises}
    bound: dict[tuple[str, str], str] = {}
    for tag in site.tags.values():
        known.setdefault(tag.enterprise, {})[tag.tag] = tag.id
        if tag.gateway:
            bound[tag.enterprise, tag.tag] = tag.gateway
    ports = {}
    for gateway in site.gateways.values():
        tags = known.get(gateway.enterprise, {})
        own = {
            tag: point
            for tag, point in tags.items()
            if bound.get((gateway.enterprise, tag), gateway.code) == gateway.code
        }
        ports[gateway.enterprise, gateway.code] = Port(
            gateway.id,
            gateway.enterprise,
            gateway.code,
            gateway.clock == "source",
            int(gateway.offline_after_s * 1000),
            own,
            tags,
        )
    return Wiring(site.version, frozenset(site.enterprises), ports, dict(site.platform_ids))


def topic_of(text: str) -> Topic | None:
    """The parts of `hazard/v1/{enterprise}/{gateway}/{kind}`."""
    parts = text.split("/")
    if len(parts) != 5 or tuple(parts[:2]) != PREFIX:
        return None
    return Topic(*parts[2:])


def admit(found: RawReadings, port: Port) -> tuple[Admitted, list[Refusal]]:
    """The readings whose tags this gateway may send, and refusals of the others."""
    refused: list[Refusal] = []
    values = found.values
    points = [port.own.get(tag) for tag in values]
    if None in points:
        marks = found.qualities
        refused = [_stranger(tag, values[tag], marks.get(tag, GOOD), port) for tag in values if tag not in port.own]
        values = {tag: value for tag, value in values.items() if tag in port.own}
        points = [port.own[tag] for tag in values]
    numbers = np.array(list(values.values()), np.float64)  # None becomes NaN, True 1
    qualities = np.full(len(values), GOOD, np.uint8)
    if found.qualities:
        qualities[:] = [found.qualities.get(tag, GOOD) for tag in values]
    qualities[np.isnan(numbers)] = BAD
    return Admitted(found.ts_ms, np.array(points, np.int32), numbers, qualities), refused


def _stranger(tag: str, value: object, quality: int, port: Port) -> Refusal:
    if tag in port.known:
        reason, detail = Reason.WRONG_GATEWAY, f"{port.code} is not the gateway of this tag"
    else:
        reason, detail = Reason.UNKNOWN_TAG, f"{port.enterprise} has no such tag"
    return Refusal(reason, detail, tag, json.dumps(value), quality=quality)


def rejects(
    arrival: Arrival, topic: Topic | None, refusals: list[tuple[Refusal, int | None]], timing: Timing | None = None
) -> Iterator[Reject]:
    """What is kept of a message's refusals, each with its object's time: at most a few hundred, so that a message of
    nonsense cannot fill the line. Of a single reading its part of the payload is kept, else how the payload begins."""
    singly = [(refusal, ts_ms) for refusal, ts_ms in refusals if refusal.tag]
    for reason in Reason:
        whole = [refusal for refusal, _ in refusals if refusal.reason == reason and not refusal.tag]
        if whole:
            more = f"; so {len(whole) - 1} objects more" if len(whole) > 1 else ""
            yield reject(arrival, topic, Refusal(reason, whole[0].detail + more), arrival.payload[:KEPT], timing)
    for refusal, ts_ms in singly[:SINGLY]:
        yield reject(arrival, topic, refusal, _part(refusal, ts_ms), timing)
    for reason in Reason:
        rest = [refusal for refusal, _ in singly[SINGLY:] if refusal.reason == reason]
        if rest:
            detail = f"{len(rest)} readings more: {', '.join(refusal.tag for refusal in rest[:20])}, …"
            yield reject(arrival, topic, Refusal(reason, detail), arrival.payload[:KEPT], timing)


def reject(
    arrival: Arrival, topic: Topic | None, refusal: Refusal, payload: bytes, timing: Timing | None = None
) -> Reject:
    return Reject(
        reason=refusal.reason.value,
        topic=_clean(arrival.topic, TOPIC_KEPT),
        at_ms=arrival.at_ms,
        payload=payload,
        size=arrival.size,
        sha256=arrival.sha256 or hashlib.sha256(arrival.payload).hexdigest(),
        detail=_clean(refusal.detail, DETAIL_KEPT),
        enterprise=_clean(topic.enterprise, TAG_KEPT) if topic else "",
        gateway=_clean(topic.gateway, TAG_KEPT) if topic else "",
        tag=_clean(refusal.tag, TAG_KEPT),
        instant_ms=None if timing is None or timing.instant_ms == arrival.at_ms else timing.instant_ms,
        shift_ms=None if timing is None else timing.shift_ms,
    )


def _part(refusal: Refusal, ts_ms: int | None) -> bytes:
    ts = "" if ts_ms is None else f'"ts": {ts_ms}, '
    tag = json.dumps(refusal.tag)
    quality = "" if refusal.quality == GOOD else f', "quality": {{{tag}: {refusal.quality}}}'
    return f'{{{ts}"values": {{{tag}: {refusal.value}}}{quality}}}'.encode()[:KEPT]


def _clean(text: str, longest: int) -> str:
    """Text that a database and a screen can hold: no NUL, no half of a surrogate pair, not endless."""
    return text[:longest].replace("\0", "�").encode("utf-8", "replace").decode()
