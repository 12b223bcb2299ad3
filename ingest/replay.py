"""A kept reject to the readings that it holds now that its cause is mended, or to why it still holds none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest import decode
from ingest.batches import Columns, Part
from ingest.clocks import shift_ms
from ingest.decode import Reason, Refusal
from ingest.reader import columns_of, cut, with_rejects
from ingest.rejects import KeptReject, Mark
from ingest.validate import KEPT, Arrival, Port, Timing, Topic, Wiring, admit, rejects, topic_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tried:
    """What one reject gives: parts for the line, how many readings are in them, and what is to be written down."""

    mark: Mark
    parts: list[Part]
    readings: int = 0


def try_again(kept: KeptReject, wiring: Wiring, now_ms: int) -> Tried:
    """The same decoding and checks as when it came, at the times it had then; only what the site says may differ.

    Its readings get the times they would have been stored under, and arrive now. What is refused again for another
    reason becomes a reject of its own, as it would have then.
    """
    topic = topic_of(kept.topic)
    why = _why_never(kept, topic)
    if why:
        return _refused(kept, why)
    port = wiring.port(topic) if topic else Reason.UNKNOWN_ENTERPRISE
    if topic is None or not isinstance(port, Port):
        return _refused(kept, f"still {port.value if isinstance(port, Reason) else kept.reason}")
    return _from(kept, topic, port, now_ms)


def _why_never(kept: KeptReject, topic: Topic | None) -> str:
    """What no change of the site can mend."""
    if topic is not None and topic.kind == "status":
        return "a status, not a reading"
    if kept.reason == Reason.SAME_TIME:
        return "another value of this tag is stored at this time"
    if len(kept.payload) >= KEPT and (kept.tag or kept.size > KEPT):
        return f"cannot be replayed: only the first {KEPT} of its {kept.size} bytes are kept"
    return ""


def _from(kept: KeptReject, topic: Topic, port: Port, now_ms: int) -> Tried:
    at_ms = _ms(kept.at)
    admitted = []
    again: list[tuple[Refusal, int | None]] = []
    for one in decode.readings(kept.payload):
        if isinstance(one, Refusal):
            again.append((one, None))
        elif kept.reason == Reason.RETAINED and one.ts_ms is None:
            again.append((Refusal(Reason.RETAINED, "retained, and without a time", readings=len(one.values)), None))
        else:
            here, strangers = admit(one, port)
            admitted.append(here)
            again += [(refusal, one.ts_ms) for refusal in (*one.refusals, *strangers)]
    timing = _timing(kept, port, at_ms, [here.ts_ms for here in admitted])
    columns = columns_of(admitted, timing)
    still = [refusal for refusal, _ in again if refusal.reason == kept.reason]
    settled = not still and (len(columns) > 0 or not again)
    if not len(columns) and not settled:
        return _refused(kept, f"still {again[0][0].reason.value}: {again[0][0].detail}")
    arrival = Arrival(kept.topic, kept.payload, kept.size, at_ms, kept.sha256)
    other = [(refusal, ts_ms) for refusal, ts_ms in again if refusal.reason != kept.reason]
    parts = cut(columns, _identity(kept, columns), port.id, now_ms) if len(columns) else []
    parts = with_rejects(parts, tuple(rejects(arrival, topic, other, timing)), port.id, now_ms)
    return Tried(Mark(kept.id, _outcome(len(columns), len(still), len(other)), settled), parts, len(columns))


def _timing(kept: KeptReject, port: Port, at_ms: int, given: list[int | None]) -> Timing:
    """The instant and the shift that the whole message was given then; judged now where nobody could judge them."""
    times = [ts_ms for ts_ms in given if ts_ms is not None]
    shift = kept.shift_ms
    if shift is None:
        shift = shift_ms(max(times), at_ms) if times and not port.source_clock else 0
    return Timing(at_ms if kept.instant is None else _ms(kept.instant), shift)


def _outcome(readings: int, still: int, other: int) -> str:
    said = [f"{readings} reading{'' if readings == 1 else 's'} put on the line"]
    if still:
        said.append(f"{still} still refused")
    if other:
        said.append(f"{other} refused for another reason, kept as rejects of their own")
    return "; ".join(said)


def _refused(kept: KeptReject, outcome: str) -> Tried:
    return Tried(Mark(kept.id, outcome[:500], settled=False), [])


def _identity(kept: KeptReject, columns: Columns) -> int:
    """What makes the same readings of a reject one message, however often it is replayed; never 0."""
    digest = hashlib.blake2b(b"replayed\0" + kept.id.encode(), digest_size=8)
    digest.update(columns.points.tobytes() + columns.t_ms.tobytes())
    return int.from_bytes(digest.digest(), "little") or 1


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)
