"""Reading back: a tag's past as a trend that fits a screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg.rows import class_row

from registry.database import Database, queries

# Widths of bins in milliseconds, such as people read on an axis; beyond the last, multiples of it.
WIDTHS_MS = (
    *(100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000),
    *(60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000),
    *(3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000),
)

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)  # bins begin at round times


@dataclass(frozen=True, slots=True)
class Bin:
    """One reading, or all of a stretch of time: of usable readings their extremes, mean, last and number `n`.

    `t` is the reading's time or the stretch's begin; `quality` the worst in it. A single reading shows its value
    whatever its quality; in a stretch bad readings show in `quality` alone.
    """

    t: datetime
    min: float | None
    max: float | None
    mean: float | None
    last: float | None
    n: int
    quality: int


@dataclass(frozen=True, slots=True)
class History:
    """`width_s` is the length of each stretch in seconds, None where the rows are the readings themselves."""

    width_s: float | None
    rows: list[Bin]


@dataclass(frozen=True, slots=True)
class _Reading:
    t: datetime
    value: float | None
    quality: int


async def history(database: Database, point: int, begin: datetime, end: datetime, points: int) -> History:
    """A tag's readings from `begin` until before `end` in at most `points` rows; Away while there is no database."""
    sql = queries("ingest", "history.sql")
    span = {"point": point, "begin": begin, "end": end}
    async with database.transaction() as connection:
        await connection.execute(sql["patience"])
        async with connection.cursor(row_factory=class_row(_Reading)) as cursor:
            await cursor.execute(sql["raw"], {**span, "limit": points + 1})
            found = await cursor.fetchall()
        if len(found) <= points:
            return History(None, [_single(reading) for reading in found])
        width_ms = bin_width_ms(begin, end, points)
        origin = ORIGIN if points > 1 else begin
        async with connection.cursor(row_factory=class_row(Bin)) as binned:
            await binned.execute(sql["bins"], {**span, "width": timedelta(milliseconds=width_ms), "origin": origin})
            return History(width_ms / 1000, await binned.fetchall())


def bin_width_ms(begin: datetime, end: datetime, points: int) -> int:
    """The smallest width with which a span, wherever it begins, takes at most `points` bins."""
    span_ms = max(-((begin - end) // timedelta(milliseconds=1)), 1)
    if points <= 1:
        return span_ms
    least = -(-span_ms // (points - 1))  # one bin more where the span begins inside one
    for width in WIDTHS_MS:
        if width >= least:
            return width
    return -(-least // WIDTHS_MS[-1]) * WIDTHS_MS[-1]


def _single(reading: _Reading) -> Bin:
    value = reading.value
    return Bin(reading.t, value, value, value, value, int(value is not None), reading.quality)
