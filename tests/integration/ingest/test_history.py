"""Reading back from a real database: trends that lose no extreme, files for replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest.export import export_readings
from ingest.history import Bin, history
from registry import migrate
from registry.database import Away, Database

BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
HOUR = BEGIN + timedelta(hours=1)


def second(number: float) -> datetime:
    return BEGIN + timedelta(seconds=number)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate.upgrade(database_url)
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()


def add(url: str, said: list[tuple[int, datetime, float | None, int]]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "VALUES (%s, %s, %s, %s, 0, now())",
            said,
        )


def add_points(url: str) -> None:
    with psycopg.connect(url) as connection:
        for number, enterprise, source, tag in (
            (1, "E1", "TF1", "A"),
            (2, "E1", "TF1", "B"),
            (3, "E2", "TF1", "A"),
            (4, "E1", "platform", "platform.offline.GW1"),
        ):
            connection.execute(
                "INSERT INTO hazardwatch.point VALUES (%s, %s, %s, %s, 'level', 'm', NULL, '{}')",
                (number, enterprise, source, tag),
            )


async def test_readings_that_fit_come_as_they_are(database: Database, database_url: str) -> None:
    add(
        database_url,
        [(1, second(1), 3.5, 192), (1, second(2), None, 0), (1, second(3), 99.0, 0), (2, second(1), 1, 192)],
    )
    found = await history(database, 1, BEGIN, HOUR, 3)
    assert found.width_s is None
    assert found.rows == [
        Bin(second(1), 3.5, 3.5, 3.5, 3.5, 1, 192),
        Bin(second(2), None, None, None, None, 0, 0),
        Bin(second(3), 99.0, 99.0, 99.0, 99.0, 1, 0),
    ]
    assert (await history(database, 1, second(3), HOUR, 3)).rows == found.rows[2:]
    assert (await history(database, 1, BEGIN, second(3), 3)).rows == found.rows[:2]
    assert (await history(database, 9, BEGIN, HOUR, 3)).rows == []


async def test_a_trend_keeps_every_extreme_and_shows_what_is_bad(database: Database, database_url: str) -> None:
    said: list[tuple[int, datetime, float | None, int]] = [
        (1, second(number), float(number % 10), 192) for number in range(3600)
    ]
    said[1777] = (1, second(1777), 5000.0, 64)
    said[1888] = (1, second(1888), -5000.0, 192)
    said[2000] = (1, second(2000), 9e9, 0)
    add(database_url, said)
    found = await history(database, 1, BEGIN, HOUR, 100)
    assert found.width_s == 60
    assert len(found.rows) == 60
    assert [row.t for row in found.rows] == [second(60 * number) for number in range(60)]
    assert found.rows[0] == Bin(BEGIN, 0.0, 9.0, 4.5, 9.0, 60, 192)
    assert max(row.max or 0 for row in found.rows) == 5000.0
    assert min(row.min or 0 for row in found.rows) == -5000.0
    assert [(row.n, row.quality) for row in found.rows[29:34]] == [(60, 64), (60, 192), (60, 192), (60, 192), (59, 0)]
    odd = await history(database, 1, second(30), second(1230), 21)
    assert odd.rows[0].t == second(30), "the first stretch begins where was asked"
    assert len(odd.rows) == 21
    one = await history(database, 1, BEGIN, HOUR, 1)
    assert [(row.min, row.max, row.last, row.n) for row in one.rows] == [(-5000.0, 5000.0, 9.0, 3599)]


async def test_a_stretch_of_nothing_but_bad_readings_is_a_gap(database: Database, database_url: str) -> None:
    add(database_url, [(1, second(number), 5.0, 0) for number in range(10)])
    add(database_url, [(1, second(3000 + number), 5.0, 192) for number in range(10)])
    found = await history(database, 1, BEGIN, HOUR, 5)
    assert [(row.min, row.last, row.n, row.quality) for row in found.rows] == [(None, None, 0, 0), (5.0, 5.0, 10, 192)]


async def test_an_export_is_what_replay_reads(database: Database, database_url: str) -> None:
    add_points(database_url)
    late = BEGIN + timedelta(days=1, seconds=1)
    add(
        database_url,
        [
            (1, second(2), 0.1, 192),
            (2, second(1), None, 0),
            (1, late, 1e-7, 64),
            (3, second(1), 5.0, 192),
            (4, second(1), 1.0, 192),
        ],
    )
    out: list[bytes] = []
    await export_readings(database, out.append, begin=BEGIN, end=late + timedelta(seconds=1), enterprise="E1")

    def ms(moment: datetime) -> int:
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert b"".join(out).decode().splitlines() == [
        "ts,enterprise,tag,value,quality",
        f"{ms(second(1))},E1,B,,0",
        f"{ms(second(2))},E1,A,0.1,192",
        f"{ms(late)},E1,A,1e-07,64",
    ]
    every: list[bytes] = []
    await export_readings(database, every.append, begin=BEGIN, end=late, enterprise=None)
    assert b"".join(every).count(b"\n") == 4


async def test_without_a_database_there_is_no_history() -> None:
    opened = await Database.open("postgresql://x@127.0.0.1:1/x", name="test", patience_s=0.2)
    with pytest.raises(Away):
        await history(opened, 1, BEGIN, HOUR, 10)
    await opened.close()
