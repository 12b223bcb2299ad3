"""The journal in the database to the record of a period."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psycopg.rows import class_row

from alerting.events import event_seq
from alerting.journal_read import moment
from alerting.record import ROW, AlarmName, Piece
from registry.database import Database, queries

MOST_EVENTS = 1_000_000  # of one record: about 100 MB in hand
EPOCH_US = 946_684_800_000_000  # PostgreSQL counts microseconds from the year 2000


class TooMany(Exception):  # noqa: N818  what the caller can do about it is to ask for less
    """The period holds more events than one record may."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which events, as `journal_read.Question` has it; `epoch` is that of the line in use."""

    begin_ms: int
    end_ms: int
    epoch: str
    enterprises: frozenset[str] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Pieces of the journal; of the line in use it holds the events below the number `below`."""

    pieces: list[Piece]
    below: int


@dataclass(frozen=True, slots=True)
class _Row:
    epoch: str
    enterprise: str
    source: str
    tag: str
    alarm: str
    seq: bytes
    heard: bytes
    t: bytes
    code: bytes


async def kept(database: Database, asked: Question) -> Kept:
    """What the journal holds; Away while there is no database, TooMany beyond MOST_EVENTS."""
    sql = queries("alerting", "journal.sql")
    async with database.transaction() as connection:
        await connection.execute(sql["patience"])
        cursor = await connection.execute(sql["journalled"], {"epoch": asked.epoch})
        position = await cursor.fetchone()
        below = event_seq(position[0] + 1 if position else 1, 0)
        parameters = {
            "begin": moment(asked.begin_ms),
            "end": moment(asked.end_ms),
            "enterprises": None if asked.enterprises is None else sorted(asked.enterprises),
            "source": asked.source or None,
            "epoch": asked.epoch,
            "below": below,
            "most": MOST_EVENTS + 1,
        }
        async with connection.cursor(row_factory=class_row(_Row), binary=True) as reading:
            await reading.execute(sql["record"], parameters)
            rows = await reading.fetchall()
    if sum(len(row.code) for row in rows) // 2 > MOST_EVENTS:
        raise TooMany(f"the period holds more than {MOST_EVENTS:,} events of alarms")
    return Kept(await asyncio.to_thread(_pieces, rows, asked.epoch), below)


def _pieces(rows: list[_Row], epoch: str) -> list[Piece]:
    """Logs in the order in which they were first heard, the one in use last."""
    found = [(row, _numbers(row.heard)) for row in rows]
    began: dict[str, int] = {}
    for row, heard in found:
        began[row.epoch] = min(began.get(row.epoch, heard[0]), int(heard.min()))
    order = sorted(began, key=lambda one: (one == epoch, began[one]))
    return [_piece(order.index(row.epoch), row, heard) for row, heard in found]


def _piece(log: int, row: _Row, heard: npt.NDArray[np.int64]) -> Piece:
    rows = np.empty(len(heard), ROW)
    rows["seq"], rows["code"] = _numbers(row.seq), np.frombuffer(row.code, ">i2")
    rows["heard"], rows["t"] = _milliseconds(heard), _milliseconds(_numbers(row.t))
    return Piece(log, AlarmName(row.enterprise, row.source, row.tag, row.alarm), rows)


def _numbers(column: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(column, ">i8").astype(np.int64)


def _milliseconds(sent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (sent + EPOCH_US) // 1000
