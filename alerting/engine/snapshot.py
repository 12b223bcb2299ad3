"""The engine's whole state to bytes and back: versioned, checksummed, columns as they lie in memory."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

MAGIC = b"HZWENG"
VERSION = 1
_HEAD = len(MAGIC) + 2 + 8  # magic, version, length of the index
_SUM = 16


class SnapshotError(Exception):
    """Bytes that are no snapshot of an engine of this release, or a damaged one."""


class _Index(msgspec.Struct):
    columns: list[tuple[str, Any, list[int]]]  # name, dtype, shape
    rest: bytes


def pack(columns: dict[str, npt.NDArray[Any]], rest: bytes) -> bytes:
    """Columns and everything else as one piece of bytes."""
    index = msgspec.msgpack.encode(
        _Index([(name, _description(column.dtype), list(column.shape)) for name, column in columns.items()], rest)
    )
    parts = [MAGIC, VERSION.to_bytes(2, "little"), len(index).to_bytes(8, "little"), index]
    parts += [np.ascontiguousarray(column).tobytes() for column in columns.values()]
    body = b"".join(parts)
    return body + blake2b(body, digest_size=_SUM).digest()


def unpack(data: bytes) -> tuple[dict[str, npt.NDArray[Any]], bytes]:
    """What `pack` was given; SnapshotError where the bytes are not whole."""
    if len(data) < _HEAD + _SUM or not data.startswith(MAGIC):
        raise SnapshotError(f"{len(data)} bytes that are no snapshot of an engine")
    version = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "little")
    if version != VERSION:
        raise SnapshotError(f"a snapshot of version {version}, this release reads {VERSION}")
    view = memoryview(data)
    if blake2b(view[:-_SUM], digest_size=_SUM).digest() != view[-_SUM:]:
        raise SnapshotError("a damaged snapshot: its checksum does not fit")
    start = _HEAD + int.from_bytes(data[_HEAD - 8 : _HEAD], "little")
    try:
        index = msgspec.msgpack.decode(view[_HEAD:start], type=_Index)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"a snapshot with an index that cannot be read: {error}") from error
    columns = {}
    for name, description, shape in index.columns:
        kind = _dtype(description)
        size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        columns[name] = np.frombuffer(view[start : start + size], kind).reshape(shape).copy()
        start += size
    return columns, index.rest


def _description(kind: np.dtype[Any]) -> Any:
    return kind.str if kind.names is None else kind.descr


def _dtype(description: Any) -> np.dtype[Any]:
    return np.dtype(description if isinstance(description, str) else [tuple(field) for field in description])
