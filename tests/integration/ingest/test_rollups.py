"""Minutes and hours on a real database: always the truth, while written, rolled up, late, killed and forgotten."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from ingest.rollups import Rollups
from ingest.rows import Rows
from ingest.store import Store
from registry import migrate
from registry.database import Connection, Database, session

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Reading = tuple[int, datetime, float | None, int]

TRUTH = """
SELECT point, date_bin(%(width)s, t, '2000-01-01 00:00:00+00'),
       min(value) FILTER (WHERE quality >= 64), max(value) FILTER (WHERE quality >= 64),
       sum(value) FILTER (WHERE quality >= 64),
       (array_agg(value ORDER BY t DESC) FILTER (WHERE quality >= 64 AND value IS NOT NULL))[1],
       count(value) FILTER (WHERE quality >= 64), count(*) - count(value) FILTER (WHERE quality >= 64), min(quality)
FROM hazardwatch.reading_raw GROUP BY 1, 2 ORDER BY 1, 2
"""


class Bench:
    """A database with its writer, and whoever rolls up on it."""

    def __init__(self, url: str, database: Database, connection: Connection) -> None:
        self.url, self.database, self.connection = url, database, connection
        self.rollups, self.store = Rollups(connection), Store()

    async def write(self, readings: list[Reading]) -> None:
        """As the historian does."""
        rows = Rows(
            points=np.array([one[0] for one in readings], np.int32),
            t_ms=np.array([(one[1] - EPOCH) // timedelta(milliseconds=1) for one in readings], np.int64),
            values=np.array([np.nan if one[2] is None else one[2] for one in readings], np.float64),
            qualities=np.array([one[3] for one in readings], np.uint8),
            clocks=np.zeros(len(readings), np.uint8),
            source_t_ms=np.zeros(len(readings), np.int64),
            received_ms=np.full(len(readings), (datetime.now(UTC) - EPOCH) // timedelta(milliseconds=1), np.int64),
            gateways=np.ones(len(readings), np.int32),
        )
        await self.store.ensure_days(self.database, rows)
        async with self.database.transaction() as connection:
            await self.store.add_readings(connection, rows)

    async def roll(self) -> int:
        """Everything that is due, without waiting for quiet; returns how many hours are left."""
        await self.rollups.settle()
        if await self.rollups.aggregates():
            await self.connection.execute("""CALL hazardwatch.roll_up(0, '{"quiet_s": 0}')""")
        else:
            while due := await self.rollups.next(quiet_s=0):
                await self.rollups.roll(due)
        return (await self.rollups.lag()).hours

    async def said(self, relation: str) -> list[tuple[object, ...]]:
        query = f"SELECT point, t, min, max, sum, last, n, bad, worst FROM hazardwatch.{relation} ORDER BY 1, 2"
        return await (await self.connection.execute(query.encode())).fetchall()

    async def truth(self, width: timedelta) -> list[tuple[object, ...]]:
        return await (await self.connection.execute(TRUTH, {"width": width})).fetchall()

    async def check(self) -> None:
        """Both relations say what the readings say."""
        for relation, width in (("reading_minute", timedelta(minutes=1)), ("reading_hour", HOUR)):
            assert near(await self.said(relation)) == near(await self.truth(width))


def near(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """A sum depends on the order of its parts in the last digits."""
    return [tuple(round(cell, 6) if isinstance(cell, float) else cell for cell in row) for row in rows]


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    await migrate.upgrade(database_url)
    database = await Database.open(database_url, name="test")
    async with session(database_url) as connection:
        bench = Bench(database_url, database, connection)
        if await bench.rollups.aggregates():  # the server's jobs would do at any moment what the tests do at their own
            await connection.execute(
                "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
            )
            await connection.execute("SELECT pg_advisory_lock(1383228788)")  # once one that runs has ended
            await connection.execute(
                "UPDATE hazardwatch.storage SET raw_from = '-infinity', minutes_from = '-infinity'"
            )
        yield bench
    await database.close()


def some(seed: int, count: int, begin: datetime, length: timedelta, points: int = 4) -> list[Reading]:
    """Readings at random times, some bad, some without a value."""
    dice = random.Random(seed)  # noqa: S311  made-up readings
    return [
        (
            dice.randrange(1, points + 1),
            begin + timedelta(milliseconds=dice.randrange(length // timedelta(milliseconds=1))),
            None if dice.random() < 0.05 else round(dice.uniform(-50, 50), 2),
            dice.choice((192, 192, 192, 64, 0)),
        )
        for _ in range(count)
    ]


async def test_what_is_read_is_true_before_during_and_after_rolling_up(bench: Bench) -> None:
    await bench.write(some(1, 400, NOW - 5 * HOUR, 5 * HOUR))
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()
    await bench.write(some(2, 50, NOW, datetime.now(UTC) - NOW + timedelta(seconds=1)))  # this hour
    await bench.check()
    await bench.write(some(3, 100, NOW - 5 * HOUR, 3 * HOUR))  # late, beside what is rolled up
    await bench.check()
    await bench.write([(9, NOW - 3 * HOUR, 1.0, 192)])  # a tag that was never heard
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()


async def test_days_old_readings_count_at_once_and_after_the_next_rolling_up(bench: Bench) -> None:
    await bench.write(some(1, 200, NOW - timedelta(days=9), HOUR))
    await bench.write(some(2, 200, NOW - timedelta(days=2), HOUR))
    assert await bench.roll() == 0
    for seed in (3, 4):
        await bench.write(some(seed, 30, NOW - timedelta(days=9), 2 * HOUR, points=2))
        await bench.check()
        assert await bench.roll() == 0
        await bench.check()


async def test_an_entry_that_comes_while_its_hour_is_rolled_up_stays(bench: Bench) -> None:
    hour = NOW - 4 * HOUR
    await bench.write(some(1, 50, hour, HOUR))
    if await bench.rollups.aggregates():
        pytest.skip("TimescaleDB's own refresh; the writer beside it is tested below")
    due = await bench.rollups.next(quiet_s=0)
    assert due is not None
    await bench.write([(1, hour + timedelta(seconds=1, microseconds=1000), 999.0, 192)])  # after `due` was read
    await bench.rollups.roll(due)
    assert (await bench.rollups.lag()).hours == 1
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()


async def test_a_transaction_that_is_open_while_its_hour_is_rolled_up_is_not_forgotten(bench: Bench) -> None:
    hour = NOW - 4 * HOUR
    await bench.write(some(1, 50, hour, HOUR))
    with psycopg.connect(bench.url) as other:
        other.execute("INSERT INTO hazardwatch.touched (hour) VALUES (%s)", (hour,))
        other.execute(
            "INSERT INTO hazardwatch.reading_raw VALUES (1, %s, 5, 192, 0, NULL, now())",
            (hour + timedelta(minutes=7, microseconds=7000),),
        )
        assert await asyncio.wait_for(bench.roll(), 20) == 0  # nobody waits for the other
        await bench.check()
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()


async def test_rolling_up_beside_a_writer_ends_in_the_truth(bench: Bench) -> None:
    async def write() -> None:
        for seed in range(15):
            await bench.write(some(seed, 60, NOW - 6 * HOUR, 6 * HOUR))

    writing = asyncio.create_task(write())
    while not writing.done():
        await bench.roll()
        await asyncio.sleep(0)
    await writing
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()


async def test_one_entry_for_each_end_is_left_of_many(bench: Bench) -> None:
    for second in range(8):
        await bench.write([(1, NOW + timedelta(seconds=second), 1.0, 192)])
    await bench.rollups.settle()
    count = await (await bench.connection.execute("SELECT count(*) FROM hazardwatch.touched")).fetchone()
    assert count == (2,)
    await bench.check()


async def test_what_is_forgotten_stays_rolled_up(bench: Bench) -> None:
    old, young = NOW - timedelta(days=33), NOW - timedelta(days=28)
    await bench.rollups.keep(30, 60)
    await bench.write(some(1, 200, old, 2 * HOUR))
    await bench.write(some(2, 200, young, 2 * HOUR))
    assert (await bench.rollups.forget())[0] == 0  # not before it is rolled up
    await bench.check()
    assert await bench.roll() == 0
    minutes, hours = await bench.said("reading_minute"), await bench.said("reading_hour")
    assert (await bench.rollups.forget())[0] >= 1
    left = await (await bench.connection.execute("SELECT count(*), min(t) FROM hazardwatch.reading_raw")).fetchone()
    assert left is not None
    assert left[1] >= young
    assert near(await bench.said("reading_minute")) == near(minutes)
    assert near(await bench.said("reading_hour")) == near(hours)
    # A late reading for a day that is kept, on which an aggregate's refresh must not reach back.
    await bench.write([(1, young + timedelta(minutes=70, microseconds=1000), 7.0, 192)])
    assert await bench.roll() == 0
    after = await bench.said("reading_minute")
    assert near([row for row in after if row[1] < young]) == near([row for row in minutes if row[1] < young])  # type: ignore[operator]  # times


async def test_what_comes_for_a_forgotten_hour_is_added_where_nothing_was_and_never_counted_twice(bench: Bench) -> None:
    old = NOW - timedelta(days=33)
    await bench.rollups.keep(30, 60)
    await bench.write([(1, old + timedelta(seconds=5), 3.0, 192), (1, old + timedelta(minutes=2), 5.0, 192)])
    assert await bench.roll() == 0
    await bench.rollups.forget()
    await bench.write([(1, old + timedelta(seconds=5), 3.0, 192)])  # a gateway sends what it sent before
    await bench.write([(1, old + timedelta(minutes=9), 4.0, 192), (2, old, 1.0, 0)])  # and what it never sent
    assert await bench.roll() == 0
    assert await bench.said("reading_minute") == [
        (1, old, 3.0, 3.0, 3.0, 3.0, 1, 0, 192),
        (1, old + timedelta(minutes=2), 5.0, 5.0, 5.0, 5.0, 1, 0, 192),
        (1, old + timedelta(minutes=9), 4.0, 4.0, 4.0, 4.0, 1, 0, 192),
        (2, old, None, None, None, None, 0, 1, 0),
    ]
    assert await bench.said("reading_hour") == [
        (1, old, 3.0, 5.0, 12.0, 4.0, 3, 0, 192),
        (2, old, None, None, None, None, 0, 1, 0),
    ]
    assert await bench.truth(HOUR) == []


async def test_minutes_are_forgotten_before_their_hours(bench: Bench) -> None:
    old = NOW - timedelta(days=150)
    await bench.write(some(1, 100, old, HOUR))
    await bench.write(some(2, 100, NOW - 3 * HOUR, HOUR))
    assert await bench.roll() == 0
    hours = await bench.said("reading_hour")
    await bench.rollups.keep(30, 40)
    readings, minutes = await bench.rollups.forget()
    assert readings >= 1
    assert minutes >= 1
    assert near(await bench.said("reading_hour")) == near(hours)
    assert all(row[1] > old + HOUR for row in await bench.said("reading_minute"))  # type: ignore[operator]  # times
    await bench.write([(7, old, 1.0, 192), (1, old, 99.0, 192)])
    assert await bench.roll() == 0
    assert near([row for row in await bench.said("reading_hour") if row[0] != 7]) == near(hours)
    assert [row[1:4] for row in await bench.said("reading_hour") if row[0] == 7] == [(old, 1.0, 1.0)]


async def test_an_older_release_that_writes_is_found_out(bench: Bench) -> None:
    await bench.store.begin_position(bench.database, "historian", "epoch", 5)
    assert not await bench.rollups.make_up()
    hour = NOW - 4 * HOUR
    await bench.write([(1, hour, 1.0, 192)])
    assert await bench.roll() == 0
    await bench.connection.execute(
        "INSERT INTO hazardwatch.reading_raw VALUES (1, %s, 5, 192, 0, NULL, now())", (hour + timedelta(minutes=7),)
    )
    await bench.connection.execute("UPDATE hazardwatch.position SET seq = 6")
    async with bench.database.transaction() as connection:  # ours writes on before anybody looks
        await bench.store.move_position(connection, "historian", "epoch", expected=6, seq=7)
    assert await bench.rollups.make_up()
    assert not await bench.rollups.make_up()
    await bench.check()
    assert await bench.roll() == 0
    await bench.check()
