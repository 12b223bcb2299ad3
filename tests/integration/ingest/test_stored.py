"""Many tags' readings out of a real database, in order of time and in slices that fit into memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest.stored import guess, stored_points, stored_readings
from registry import migrate
from registry.database import Database

BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
END = BEGIN + timedelta(days=2)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Points 1 to 3, one reading each in 30 s of the second hour, and each a bad one at the end."""
    await migrate.upgrade(database_url)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SELECT hazardwatch.ensure_day(%s)", (BEGIN.date(),))
        await connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT p, %(begin)s::timestamptz + n * interval '30 s', p * 1000 + n, 192, 0, now() "
            "FROM generate_series(120, 239) n, generate_series(1, 3) p "
            "UNION ALL "
            "SELECT p, %(end)s::timestamptz - interval '1 ms', NULL, 0, 0, now() FROM generate_series(1, 3) p",
            {"begin": BEGIN, "end": END},
        )
        for number, source in ((1, "S"), (2, "S"), (3, "platform")):
            await connection.execute(
                "INSERT INTO hazardwatch.point VALUES (%s, 'E', %s, %s, 'level', 'm', NULL, '{}')",
                (number, source, f"T{number}"),
            )
        await connection.execute("ANALYZE hazardwatch.reading_raw")
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()


@pytest.mark.parametrize("most", [7, 1_000_000])
async def test_all_are_read_once_in_order_however_dense_they_lie(database: Database, most: int) -> None:
    rows: list[tuple[int, int, float, int]] = []
    until = BEGIN
    async with aclosing(stored_readings(database, {1, 3}, BEGIN, END, most=most)) as slices:
        async for piece in slices:
            assert piece.begin == until
            assert len(piece.readings) <= most
            until, read = piece.end, piece.readings
            rows += zip(
                read.t_ms.tolist(), read.points.tolist(), read.values.tolist(), read.qualities.tolist(), strict=True
            )
    assert until == END
    assert rows == sorted(rows, key=lambda row: row[:2])
    first = round(BEGIN.timestamp() * 1000) + 3_600_000
    assert rows[:3] == [(first, 1, 1120.0, 192), (first, 3, 3120.0, 192), (first + 30_000, 1, 1121.0, 192)]
    assert [(row[1], str(row[2]), row[3]) for row in rows[-2:]] == [(1, "nan", 0), (3, "nan", 0)]
    assert len(rows) == 2 * 121


async def test_the_guess_knows_where_the_readings_lie(database: Database) -> None:
    first, second = await guess(database, [1, 2, 3], BEGIN, END)
    assert (first.begin, first.end, second.end) == (BEGIN, BEGIN + timedelta(days=1), END)
    assert 180 <= first.readings <= 720
    assert second.readings < first.readings


async def test_the_platform_s_own_points_are_not_among_those_that_are_replayed(database: Database) -> None:
    assert await stored_points(database) == {1: ("E", "T1"), 2: ("E", "T2")}
