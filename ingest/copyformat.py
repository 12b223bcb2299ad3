"""Columns of readings to PostgreSQL's binary COPY format, without a loop over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.rows import Rows
from line.messages import CLOCK_SHIFTED

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
COLUMNS = ("point", "t", "value", "quality", "clock", "source_t", "received_at")
EPOCH_US = 946_684_800_000_000  # PostgreSQL counts microseconds from the year 2000
NULL = -1


def binary(rows: Rows) -> bytes:
    """The rows as one COPY stream in the order of COLUMNS; rows with the same NULLs lie together."""
    no_value = np.isnan(rows.values)
    no_source = rows.clocks != CLOCK_SHIFTED
    parts = [HEADER]
    for value_is_null in (False, True):
        for source_is_null in (True, False):
            chosen = np.flatnonzero((no_value == value_is_null) & (no_source == source_is_null))
            if len(chosen):
                parts.append(_same_nulls(rows.chosen(chosen), value_is_null, source_is_null).tobytes())
    parts.append(TRAILER)
    return b"".join(parts)


def _same_nulls(rows: Rows, value_is_null: bool, source_is_null: bool) -> npt.NDArray[Any]:
    fields: list[tuple[str, str]] = [
        ("count", ">i2"),
        ("point_n", ">i4"),
        ("point", ">i4"),
        ("t_n", ">i4"),
        ("t", ">i8"),
    ]
    fields += [("value_n", ">i4")] if value_is_null else [("value_n", ">i4"), ("value", ">f8")]
    fields += [("quality_n", ">i4"), ("quality", ">i2"), ("clock_n", ">i4"), ("clock", ">i2")]
    fields += [("source_n", ">i4")] if source_is_null else [("source_n", ">i4"), ("source", ">i8")]
    fields += [("received_n", ">i4"), ("received", ">i8")]
    out = np.zeros(len(rows), np.dtype(fields))
    out["count"] = len(COLUMNS)
    out["point_n"], out["point"] = 4, rows.points
    out["t_n"], out["t"] = 8, _timestamps(rows.t_ms)
    out["value_n"] = NULL if value_is_null else 8
    if not value_is_null:
        out["value"] = rows.values
    out["quality_n"], out["quality"] = 2, rows.qualities
    out["clock_n"], out["clock"] = 2, rows.clocks
    out["source_n"] = NULL if source_is_null else 8
    if not source_is_null:
        out["source"] = _timestamps(rows.source_t_ms)
    out["received_n"], out["received"] = 8, _timestamps(rows.received_ms)
    return out


def _timestamps(ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return ms * 1000 - EPOCH_US
