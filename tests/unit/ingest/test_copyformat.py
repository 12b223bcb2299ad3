"""Rows to PostgreSQL's binary COPY format, byte for byte as its documentation describes it."""

from __future__ import annotations

import struct
from math import nan

import numpy as np

from ingest.copyformat import EPOCH_US, HEADER, TRAILER, binary
from ingest.rows import Rows

T_MS = 1_767_225_600_123


def expected(point: int, value: float | None, quality: int, clock: int, source: int | None, received: int) -> bytes:
    def time(ms: int) -> bytes:
        return struct.pack(">iq", 8, ms * 1000 - EPOCH_US)

    row = struct.pack(">h", 7) + struct.pack(">ii", 4, point) + time(T_MS)
    row += struct.pack(">i", -1) if value is None else struct.pack(">id", 8, value)
    row += struct.pack(">ihih", 2, quality, 2, clock)
    row += struct.pack(">i", -1) if source is None else time(source)
    return row + time(received)


def test_a_row_of_each_kind() -> None:
    rows = Rows(
        np.array([1, 2, 3, 4], np.int32),
        np.full(4, T_MS, np.int64),
        np.array([1.5, nan, -0.0, nan]),
        np.array([192, 0, 64, 0], np.uint8),
        np.array([0, 1, 2, 2], np.uint8),
        np.array([T_MS, T_MS, 5, 6], np.int64),
        np.full(4, T_MS + 1, np.int64),
        np.ones(4, np.int32),
    )
    data = binary(rows)
    assert data == b"".join(
        [
            HEADER,
            expected(1, 1.5, 192, 0, None, T_MS + 1),
            expected(3, -0.0, 64, 2, 5, T_MS + 1),
            expected(2, None, 0, 1, None, T_MS + 1),
            expected(4, None, 0, 2, 6, T_MS + 1),
            TRAILER,
        ]
    )
