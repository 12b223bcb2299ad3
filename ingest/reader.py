"""Messages as they arrived to parts of batches: everything one message means, with what is known of its sender."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import numpy as np

from ingest import decode
from ingest.batches import (
    MOST_BYTES,
    MOST_READINGS,
    PLATFORM_GATEWAY,
    Columns,
    Part,
    no_readings,
    reject_size,
)
from ingest.clocks import Clocks
from ingest.decode import RawReadings, Reason, Refusal
from ingest.gateways import Presence
from ingest.validate import KEPT, Admitted, Arrival, Port, Timing, Topic, Wiring, admit, reject, rejects, topic_of
from line.messages import CLOCK_ARRIVAL, CLOCK_GATEWAY, CLOCK_SHIFTED, GatewayStatus, Reject

MOST_MOVED_MS = 1_000  # how far times by arrival may run ahead of a gateway that sends a thousand messages a second


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message made ready: its parts, what to tell its sender once they are kept, and what is to be counted."""

    parts: list[Part]
    confirmations: list[tuple[str, bytes]] = field(default_factory=list)
    stored: int = 0
    refused: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class Reader:
    """Turns arrivals into parts with what is known: the site's wiring, the clocks and the presence of gateways."""

    wiring: Wiring
    clocks: Clocks = field(default_factory=Clocks)
    presence: Presence = field(default_factory=Presence)
    _given: dict[int, int] = field(default_factory=dict)  # the newest time that a gateway was given for its own

    def read(self, arrival: Arrival) -> Outcome:
        """Never an exception: whatever came becomes readings, statuses or rejects."""
        topic = topic_of(arrival.topic)
        port = self.wiring.port(topic) if topic else Reason.UNKNOWN_ENTERPRISE
        if topic is not None and topic.kind == "status":
            return self._status(arrival, topic, port)
        if arrival.retained:
            return refused(arrival, topic, [Refusal(Reason.RETAINED, "a retained message is old news, not a reading")])
        found = _objects(arrival)
        if not isinstance(port, Port):
            return _stranger(arrival, topic, port, found)
        news = self.presence.heard(port.id, arrival.at_ms)
        return self._readings(arrival, topic or Topic("", "", ""), port, found, (news,) if news else ())

    def sender(self, topic: str) -> str:
        """The gateway that a topic names, as enterprise/gateway; "unknown" for all that the site does not know."""
        found = topic_of(topic)
        port = self.wiring.port(found) if found else None
        return f"{port.enterprise}/{port.code}" if isinstance(port, Port) else "unknown"

    def _status(self, arrival: Arrival, topic: Topic, port: Port | Reason) -> Outcome:
        if not isinstance(port, Port):
            return refused(arrival, topic, [Refusal(port, _why(port, topic), readings=0)])
        if not arrival.payload:
            return Outcome([])  # how MQTT takes back a retained message
        said = decode.too_large(arrival.size) if _is_large(arrival) else decode.status(arrival.payload)
        if isinstance(said, Refusal):
            return refused(arrival, topic, [said])
        news = self.presence.said(port.id, said.online, arrival.at_ms, said.ts_ms, retained=arrival.retained)
        return Outcome([_nothing(port.id, arrival.at_ms, statuses=(news,))] if news else [])

    def _readings(
        self,
        arrival: Arrival,
        topic: Topic,
        port: Port,
        found: list[RawReadings | Refusal],
        statuses: tuple[GatewayStatus, ...],
    ) -> Outcome:
        admitted: list[Admitted] = []
        lost_here: list[tuple[Refusal, int | None]] = []
        confirmations = []
        for one in found:
            if isinstance(one, Refusal):
                lost, stored, ident, ts_ms = [one], 0, one.id, None
            else:
                here, strangers = admit(one, port)
                lost, stored, ident, ts_ms = [*one.refusals, *strangers], len(here.points), one.id, one.ts_ms
                admitted.append(here)
            lost_here += [(refusal, ts_ms) for refusal in lost]
            if ident is not None:
                confirmations.append(_confirmation(topic, ident, stored, sum(refusal.readings for refusal in lost)))
        timing = self._timing(arrival, port, [here.ts_ms for here in admitted])
        kept = tuple(rejects(arrival, topic, lost_here, timing)) if lost_here else ()
        parts = self._parts(arrival, port, admitted, timing, kept, statuses)
        return Outcome(
            parts, confirmations, sum(len(here.points) for here in admitted), tuple(refusal for refusal, _ in lost_here)
        )

    def _timing(self, arrival: Arrival, port: Port, given: list[int | None]) -> Timing:
        times = [ts_ms for ts_ms in given if ts_ms is not None]
        shift = 0
        if times and not port.source_clock:
            shift = self.clocks.judge(port.id, max(times), arrival.at_ms)
        if not shift and len(times) == len(given):
            return Timing(arrival.at_ms, 0)
        instant_ms = self._own_instant(port.id, arrival.at_ms)
        return Timing(instant_ms, instant_ms - max(times) if shift else 0)

    def _parts(
        self,
        arrival: Arrival,
        port: Port,
        admitted: list[Admitted],
        timing: Timing,
        kept: tuple[Reject, ...],
        statuses: tuple[GatewayStatus, ...],
    ) -> list[Part]:
        columns = columns_of(admitted, timing)
        if not len(columns) and not kept and not statuses:
            return []
        # A message without a time, or with a shifted one, is never taken for a repeat: a quiet sensor, or one whose
        # clock stands still, sends the same bytes again and again and is alive.
        timed = all(here.ts_ms is not None for here in admitted)
        hash_ = _hash(arrival) if len(columns) and timing.shift_ms == 0 and timed else 0
        return with_rejects(cut(columns, hash_, port.id, arrival.at_ms, statuses), kept, port.id, arrival.at_ms)

    def _own_instant(self, gateway: int, at_ms: int) -> int:
        """The arrival, as a time that no other message of this gateway was given: two in one millisecond are two."""
        instant = min(max(at_ms, self._given.get(gateway, 0) + 1), at_ms + MOST_MOVED_MS)
        self._given[gateway] = instant
        return instant


def columns_of(admitted: list[Admitted], timing: Timing) -> Columns:
    """The readings of a message's objects side by side, in the order of their times."""
    at_ms, shift = timing.instant_ms, timing.shift_ms
    times = [here.ts_ms for here in admitted if here.ts_ms is not None]
    if len(times) > 1 and times != sorted(times):  # a backfill newest first: the engine wants it as it happened
        admitted = sorted(admitted, key=lambda here: at_ms if here.ts_ms is None else here.ts_ms + shift)
    if len(admitted) == 1:
        return _one_object(admitted[0], at_ms, shift)
    counts = [len(here.points) for here in admitted]
    if not sum(counts):
        return no_readings()
    own = np.repeat(np.array([at_ms if here.ts_ms is None else here.ts_ms for here in admitted], np.int64), counts)
    timeless = np.repeat(np.array([here.ts_ms is None for here in admitted], np.bool_), counts)
    moved = CLOCK_SHIFTED if shift else CLOCK_GATEWAY
    return Columns(
        points=np.concatenate([here.points for here in admitted]),
        t_ms=np.where(timeless, own, own + shift),
        values=np.concatenate([here.values for here in admitted]),
        qualities=np.concatenate([here.qualities for here in admitted]),
        clocks=np.where(timeless, CLOCK_ARRIVAL, moved).astype(np.uint8),
        source_t_ms=own,
    )


def _one_object(here: Admitted, at_ms: int, shift: int) -> Columns:
    """The usual message, without what only a backfill needs."""
    count = len(here.points)
    own = np.full(count, at_ms if here.ts_ms is None else here.ts_ms, np.int64)
    if here.ts_ms is None:
        clock, t_ms = CLOCK_ARRIVAL, own
    elif shift:
        clock, t_ms = CLOCK_SHIFTED, own + shift
    else:
        clock, t_ms = CLOCK_GATEWAY, own
    return Columns(here.points, t_ms, here.values, here.qualities, np.full(count, clock, np.uint8), own)


def cut(columns: Columns, hash_: int, gateway: int, at_ms: int, statuses: tuple[GatewayStatus, ...] = ()) -> list[Part]:
    """Parts of bounded size, each with an identity of its own where the message has one (not 0)."""
    return [
        Part(
            (hash_ + number) % 2**64 if hash_ else 0,
            gateway,
            at_ms,
            columns.cut(begin, begin + MOST_READINGS),
            statuses=statuses if number == 0 else (),
        )
        for number, begin in enumerate(range(0, max(len(columns), 1), MOST_READINGS))
    ]


def with_rejects(parts: list[Part], kept: tuple[Reject, ...], gateway: int, at_ms: int) -> list[Part]:
    """Rejects travel after the readings, in parts of their own size."""
    room: list[Reject] = []
    size = 0
    for one in kept:
        own = reject_size(one)
        if room and size + own > MOST_BYTES // 2:
            parts.append(_nothing(gateway, at_ms, tuple(room)))
            room, size = [], 0
        room.append(one)
        size += own
    if room:
        parts.append(_nothing(gateway, at_ms, tuple(room)))
    return [part for part in parts if len(part.readings) or part.rejects or part.statuses]


def _nothing(gateway: int, at_ms: int, kept: tuple[Reject, ...] = (), statuses: tuple[GatewayStatus, ...] = ()) -> Part:
    """A part without readings."""
    return Part(0, gateway, at_ms, no_readings(), rejects=kept, statuses=statuses)


def _objects(arrival: Arrival) -> list[RawReadings | Refusal]:
    return [decode.too_large(arrival.size)] if _is_large(arrival) else decode.readings(arrival.payload)


def _is_large(arrival: Arrival) -> bool:
    return arrival.size > decode.MAX_BYTES


def _stranger(arrival: Arrival, topic: Topic | None, reason: Reason, found: list[RawReadings | Refusal]) -> Outcome:
    """A message of a gateway that is not known: kept whole as one reject, and confirmed as such."""
    lost = sum(one.readings if isinstance(one, Refusal) else len(one.values) + len(one.refusals) for one in found)
    outcome = refused(arrival, topic, [Refusal(reason, _why(reason, topic), readings=max(lost, 1))])
    if topic is None:
        return outcome
    for one in found:
        if one.id is not None:
            count = one.readings if isinstance(one, Refusal) else len(one.values) + len(one.refusals)
            outcome.confirmations.append(_confirmation(topic, one.id, 0, count))
    return outcome


def _why(reason: Reason, topic: Topic | None) -> str:
    if topic is None:
        return "the topic is not hazard/v1/{enterprise}/{gateway}/readings"
    if reason == Reason.UNKNOWN_GATEWAY:
        return f"{topic.enterprise} has no gateway {topic.gateway}"
    return f"there is no enterprise {topic.enterprise}"


def refused(arrival: Arrival, topic: Topic | None, refusals: list[Refusal]) -> Outcome:
    """A message of which nothing can be used: kept whole, once for each reason."""
    kept = tuple(reject(arrival, topic, refusal, arrival.payload[:KEPT]) for refusal in refusals)
    return Outcome([_nothing(PLATFORM_GATEWAY, arrival.at_ms, kept)], refused=tuple(refusals))


def _confirmation(topic: Topic, ident: str, stored: int, rejected: int) -> tuple[str, bytes]:
    body = json.dumps({"id": ident, "stored": stored, "rejected": rejected})
    return f"hazard/v1/{topic.enterprise}/{topic.gateway}/confirmed", body.encode()


def _hash(arrival: Arrival) -> int:
    """The identity of a message: what was said where; never 0."""
    digest = hashlib.blake2b(arrival.topic.encode("utf-8", "replace"), digest_size=8)
    digest.update(b"\0")
    digest.update(arrival.payload)
    return int.from_bytes(digest.digest(), "little") or 1
