"""What travels on INPUT: batches of readings, commands, ticks and registry changes, to bytes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

CODEC_VERSION = 1


class CodecError(Exception):
    """Bytes of the line that this release cannot read."""


# Whose time a reading carries (the `clocks` column): the gateway's, the arrival's where it gave none, or shifted.
CLOCK_GATEWAY, CLOCK_ARRIVAL, CLOCK_SHIFTED = 0, 1, 2


class Reject(msgspec.Struct, frozen=True, omit_defaults=True):
    """What could not be used: `reason` is one word of contract section 2, `payload` at most its first 64 KiB.

    `instant_ms` stands for the time of its readings that gave none (None: `at_ms`); `shift_ms` was added to the times
    of its message (None: nobody judged them, for the gateway was not known).
    """

    reason: str
    topic: str
    at_ms: int
    payload: bytes
    size: int
    sha256: str
    detail: str = ""
    enterprise: str = ""
    gateway: str = ""
    tag: str = ""
    instant_ms: int | None = None
    shift_ms: int | None = None


class GatewayStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gateway came or went: `at_ms` by our clock, `ts_ms` by its own where it gave one."""

    gateway: int
    online: bool
    at_ms: int
    ts_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings of one or more MQTT messages with the rejects and statuses that came with them.

    One entry a message: `hashes` (m,) uint64, 0 where a repeat must not be recognised (a message without ts);
    `gateways` (m,) int32, -1 for the platform's own readings; `at_ms` (m,) int64 arrival.
    One entry a reading: `message` (n,) int32 index into those; `points` (n,) int32 point ids of the registry;
    `t_ms` (n,) int64; `values` (n,) float64, NaN where there is none; `qualities` (n,) uint8 192, 64 or 0;
    `clocks` (n,) uint8 CLOCK_*; `source_t_ms` (n,) int64, the gateway's own time where it was shifted, else t_ms.
    `replayed`: readings that were refused when they came and are put right now; `at_ms` is now, so they are late.
    """

    registry: int
    hashes: npt.NDArray[np.uint64]
    gateways: npt.NDArray[np.int32]
    at_ms: npt.NDArray[np.int64]
    message: npt.NDArray[np.int32]
    points: npt.NDArray[np.int32]
    t_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.uint8]
    clocks: npt.NDArray[np.uint8]
    source_t_ms: npt.NDArray[np.int64]
    rejects: tuple[Reject, ...] = ()
    statuses: tuple[GatewayStatus, ...] = ()
    replayed: bool = False


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person or a rule asks of one alarm; `cmd` is ACK, RESET, SHELVE, UNSHELVE, SUPPRESS, OOS, SET or COMMENT.

    `alarm` is HH, H, L, LL or a rule's type; `occ` names the occurrence that was seen, None takes the present one;
    `alarm_id` the id of that occurrence, where it may be an excursion while offline (R15);
    `until` is Unix milliseconds on the platform's clock; `at_ms` is the wall time at which it was given.
    """

    id: str
    cmd: str
    enterprise: str
    tag: str
    alarm: str
    user: str
    at_ms: int
    occ: int | None = None
    alarm_id: str | None = None
    comment: str | None = None
    reason: str | None = None
    until: int | None = None
    oneshot: bool = False
    on: bool | None = None
    permit: str | None = None
    values: dict[str, Any] = msgspec.field(default_factory=dict)


class Tick(msgspec.Struct, frozen=True):
    """The engine's clock, asked for by the engine because a timer is due: Unix milliseconds."""

    now_ms: int


class RegistryChange(msgspec.Struct, frozen=True):
    """From here on this version of the registry is in force."""

    version: int
    at_ms: int


Input = Batch | Command | Tick | RegistryChange


class _BatchWire(msgspec.Struct, array_like=True):
    codec: int
    registry: int
    hashes: bytes
    gateways: bytes
    at_ms: bytes
    message: bytes
    points: bytes
    t_ms: bytes
    values: bytes
    qualities: bytes
    clocks: bytes
    source_t_ms: bytes
    rejects: tuple[Reject, ...]
    statuses: tuple[GatewayStatus, ...]
    replayed: bool = False  # absent in what earlier releases wrote


_encode = msgspec.msgpack.Encoder().encode
_decode_batch = msgspec.msgpack.Decoder(_BatchWire).decode
_decode_command = msgspec.msgpack.Decoder(Command).decode
_decode_tick = msgspec.msgpack.Decoder(Tick).decode
_decode_registry = msgspec.msgpack.Decoder(RegistryChange).decode


def kind_of(message: Input) -> str:
    """The last token of the subject that a message travels on."""
    match message:
        case Batch():
            return "batch"
        case Command():
            return "command"
        case Tick():
            return "tick"
        case RegistryChange():
            return "registry"


def encode(message: Input) -> bytes:
    """A message of INPUT as bytes; columns little-endian."""
    if not isinstance(message, Batch):
        return _encode(message)
    return _encode(
        _BatchWire(
            CODEC_VERSION,
            message.registry,
            message.hashes.astype("<u8", copy=False).tobytes(),
            message.gateways.astype("<i4", copy=False).tobytes(),
            message.at_ms.astype("<i8", copy=False).tobytes(),
            message.message.astype("<i4", copy=False).tobytes(),
            message.points.astype("<i4", copy=False).tobytes(),
            message.t_ms.astype("<i8", copy=False).tobytes(),
            message.values.astype("<f8", copy=False).tobytes(),
            message.qualities.astype("u1", copy=False).tobytes(),
            message.clocks.astype("u1", copy=False).tobytes(),
            message.source_t_ms.astype("<i8", copy=False).tobytes(),
            message.rejects,
            message.statuses,
            message.replayed,
        )
    )


def decode(kind: str, payload: bytes) -> Input:
    """Bytes of INPUT to a message; CodecError where they are none of this release's."""
    try:
        match kind:
            case "batch":
                return _batch(_decode_batch(payload))
            case "command":
                return _decode_command(payload)
            case "tick":
                return _decode_tick(payload)
            case "registry":
                return _decode_registry(payload)
            case _:
                raise CodecError(f"a message of unknown kind {kind!r}")
    except (msgspec.DecodeError, ValueError) as error:
        raise CodecError(f"a {kind} message of {len(payload)} bytes cannot be read: {error}") from error


def _batch(wire: _BatchWire) -> Batch:
    if wire.codec != CODEC_VERSION:
        raise CodecError(f"a batch of codec version {wire.codec}, this release reads {CODEC_VERSION}")
    return Batch(
        registry=wire.registry,
        hashes=np.frombuffer(wire.hashes, "<u8"),
        gateways=np.frombuffer(wire.gateways, "<i4"),
        at_ms=np.frombuffer(wire.at_ms, "<i8"),
        message=np.frombuffer(wire.message, "<i4"),
        points=np.frombuffer(wire.points, "<i4"),
        t_ms=np.frombuffer(wire.t_ms, "<i8"),
        values=np.frombuffer(wire.values, "<f8"),
        qualities=np.frombuffer(wire.qualities, "u1"),
        clocks=np.frombuffer(wire.clocks, "u1"),
        source_t_ms=np.frombuffer(wire.source_t_ms, "<i8"),
        rejects=wire.rejects,
        statuses=wire.statuses,
        replayed=wire.replayed,
    )
