"""The engine's state to two objects in turn, and the newest good one back: where engine, api and notifier start."""

from __future__ import annotations

import hashlib
import io
from dataclasses import fields

import msgspec
import numpy as np
import structlog

from alerting.engine import Latest
from alerting.events import Event
from alerting.taking import mapped
from line.log import Line

log = structlog.get_logger()

STORE = "snapshots"
NAMES = ("engine-0-a", "engine-0-b")
MAGIC = b"hazardwatch snapshot 2\n"
DIGEST_BYTES, SEQ_BYTES = 32, 8
HEAD_BYTES = len(MAGIC) + DIGEST_BYTES + SEQ_BYTES  # then comes the snapshot; the checksum is over all after it


class Snapshot(msgspec.Struct, frozen=True):
    """All that came of INPUT up to `input_seq`, whose events are on ALARM up to `alarm_seq`.

    `engine` is what `Engine.restore` takes; `standing` has the last event of every alarm not NORM; `latest` is what
    `pack_latest` makes of the newest reading of each tag. `epoch` is the line's.
    """

    epoch: str
    input_seq: int
    alarm_seq: int
    registry: int
    taken_at_ms: int
    engine: bytes
    standing: tuple[Event, ...] = ()
    latest: bytes = b""


LATEST_TYPES = ("<i4", "<i8", "<f8", "u1", "?", "<i8")  # of the columns of Latest, in its order


def pack_latest(latest: Latest) -> bytes:
    """The newest readings as bytes."""
    columns = [getattr(latest, field.name) for field in fields(latest)]
    return msgspec.msgpack.encode(
        [column.astype(kind, copy=False).tobytes() for column, kind in zip(columns, LATEST_TYPES, strict=True)]
    )


def unpack_latest(data: bytes) -> Latest:
    """What `pack_latest` was given."""
    columns = msgspec.msgpack.decode(data, type=list[bytes]) if data else [b""] * len(LATEST_TYPES)
    return Latest(*(np.frombuffer(column, kind) for column, kind in zip(columns, LATEST_TYPES, strict=True)))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


class Shelf:
    """Where the next snapshot goes: never over the newest good one."""

    def __init__(self, line: Line, held: dict[str, Snapshot]) -> None:
        self._line = line
        self._input_seqs = {name: snapshot.input_seq for name, snapshot in held.items()}

    @classmethod
    async def open(cls, line: Line) -> tuple[Shelf, Snapshot | None]:
        """The shelf and the newest good snapshot on it."""
        held = await _held(line)
        return cls(line, held), max(held.values(), key=lambda snapshot: snapshot.input_seq, default=None)

    async def put(self, file: io.BufferedRandom, input_seq: int) -> int:
        """Keeps a sealed snapshot over the older one; returns the sequence from which replay must stay possible."""
        name = min(NAMES, key=lambda name: self._input_seqs.get(name, -1))
        self._input_seqs.pop(name, None)  # while it is written it is not good
        await self._line.put_object(STORE, name, file)
        self._input_seqs[name] = input_seq
        return min(self._input_seqs.values())


async def newest(line: Line) -> Snapshot | None:
    """The newest good snapshot of this line; None before the first."""
    return (await Shelf.open(line))[1]


async def _held(line: Line) -> dict[str, Snapshot]:
    epoch = await line.epoch()
    held = {}
    for name in NAMES:
        data = await line.get_object(STORE, name)
        if data is None:
            continue
        snapshot = opened(data)
        if snapshot is None:
            log.error("snapshot broken, the one before it is used", name=name, size=len(data))
        elif snapshot.epoch == epoch:
            held[name] = snapshot
    return held


def write(snapshot: Snapshot, file: io.BufferedRandom) -> None:
    """The snapshot, not sealed yet: where its events are on ALARM may not be known so soon."""
    file.write(bytes(HEAD_BYTES))
    file.write(_encode(snapshot))


def seal(file: io.BufferedRandom, alarm_seq: int) -> None:
    """Completes what `write` wrote, with a checksum over all of it. Long: call it in a thread."""
    file.seek(0)
    file.write(MAGIC + bytes(DIGEST_BYTES) + alarm_seq.to_bytes(SEQ_BYTES, "little"))
    file.flush()
    with mapped(file) as data, memoryview(data) as view:
        digest = hashlib.sha256(view[HEAD_BYTES - SEQ_BYTES :]).digest()
    file.seek(len(MAGIC))
    file.write(digest)
    file.seek(0)


def opened(data: bytes | memoryview) -> Snapshot | None:
    """The snapshot in such bytes; None where they are not whole or of another release."""
    view = memoryview(data)
    rest = view[len(MAGIC) + DIGEST_BYTES :]
    if view[: len(MAGIC) + DIGEST_BYTES] != MAGIC + hashlib.sha256(rest).digest():
        return None
    try:
        snapshot = _decode(rest[SEQ_BYTES:])
    except msgspec.DecodeError:
        return None
    return msgspec.structs.replace(snapshot, alarm_seq=int.from_bytes(rest[:SEQ_BYTES], "little"))
