"""The migrations on a real server: once, again, in a race, and against a database of another release."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from registry import migrate

NAMES = [
    "0001_site",
    "0002_readings",
    "0003_rejects_alarms",
    "0004_views",
    "0005_heard",
    "0006_rollups",
    "0009_rejects",
]
INSERT = "INSERT INTO hazardwatch.reading_raw VALUES (%s, %s, %s, 192, 0, NULL, now())"


async def test_an_empty_database_gets_everything_once(database_url: str) -> None:
    before = await migrate.status(database_url)
    assert (before.applied, before.pending) == ((), tuple(NAMES))
    assert await migrate.upgrade(database_url) == NAMES
    assert await migrate.upgrade(database_url) == []
    after = await migrate.status(database_url)
    assert (after.applied, after.pending) == (tuple(NAMES), ())


async def test_roles_that_start_at_once_do_it_once(database_url: str) -> None:
    done = await asyncio.gather(*(migrate.upgrade(database_url) for _ in range(4)))
    assert sorted(len(names) for names in done) == [0, 0, 0, len(NAMES)]


async def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    broken = migrate.Migration(1, "broken", "", "CREATE TABLE hazardwatch.half (); SELECT 1/0")
    with pytest.raises(Exception, match="division by zero"):
        await migrate.upgrade(database_url, [broken])
    assert (await migrate.status(database_url)).applied == ()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('hazardwatch.half')").fetchone() == (None,)


async def test_a_migration_edited_after_release_is_refused(database_url: str) -> None:
    await migrate.upgrade(database_url)
    timescale = (await migrate.status(database_url)).timescale
    first, *rest = migrate.shipped(timescale=timescale)
    edited = dataclasses.replace(first, sql=first.sql + "-- edited")
    with pytest.raises(migrate.MigrationError, match="0001_site is not the one that was applied"):
        await migrate.upgrade(database_url, [edited, *rest])


async def test_a_database_of_a_newer_release_is_refused(database_url: str) -> None:
    await migrate.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO hazardwatch.migration VALUES (9999, 'future', '', 'x')")
    with pytest.raises(migrate.MigrationError, match="of a newer one"):
        await migrate.upgrade(database_url)
    with pytest.raises(migrate.MigrationError, match="of a newer one"):
        await migrate.status(database_url)


def partition_of(connection: psycopg.Connection[tuple[str]], point: int) -> str:
    row = connection.execute(
        "SELECT tableoid::regclass::text FROM hazardwatch.reading_raw WHERE point = %s", (point,)
    ).fetchone()
    assert row
    return row[0].removeprefix("hazardwatch.")


async def test_a_reading_has_its_days_partition_and_odd_days_the_default_one(database_url: str) -> None:
    await migrate.upgrade(database_url)
    if (await migrate.status(database_url)).timescale:
        pytest.skip("chunks make themselves")
    today = datetime.now(UTC)
    with psycopg.connect(database_url) as connection:
        ensure = "SELECT hazardwatch.ensure_day(%s)"
        connection.execute(INSERT, (1, today, 1.0))  # before its partition: nothing is refused
        assert partition_of(connection, 1) == "reading_default"
        assert connection.execute(ensure, (today.date(),)).fetchone() == (True,)
        assert partition_of(connection, 1) == f"reading_{today:%Y_%m_%d}"
        connection.execute(INSERT, (2, today, 1.0))
        assert partition_of(connection, 2) == f"reading_{today:%Y_%m_%d}"
        assert connection.execute(ensure, (date(1999, 1, 1),)).fetchone() == (False,)
        assert connection.execute(ensure, (date(2150, 1, 1),)).fetchone() == (False,)
        connection.execute(INSERT, (3, datetime(2001, 1, 1, tzinfo=UTC), 1.0))
        assert partition_of(connection, 3) == "reading_default"


async def test_writers_may_make_one_day_at_once(database_url: str) -> None:
    await migrate.upgrade(database_url)
    today = datetime.now(UTC).date()

    def ensure() -> object:
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT hazardwatch.ensure_day(%s)", (today,)).fetchone()

    assert await asyncio.gather(*(asyncio.to_thread(ensure) for _ in range(4))) == [(True,)] * 4


async def test_a_reading_twice_is_refused_by_its_key(database_url: str) -> None:
    await migrate.upgrade(database_url)
    now = datetime.now(UTC)
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT hazardwatch.ensure_day(%s)", (now.date(),))
        connection.execute(INSERT, (1, now, 1.0))
        connection.execute(INSERT + " ON CONFLICT DO NOTHING", (1, now, 2.0))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(INSERT, (1, now, 2.0))


async def test_old_days_can_be_forgotten(database_url: str) -> None:
    await migrate.upgrade(database_url)
    today = datetime.now(UTC)
    with psycopg.connect(database_url) as connection:
        for days in (0, 5, 300):
            t = today - timedelta(days=days)
            connection.execute("SELECT hazardwatch.ensure_day(%s)", (t.date(),))
            connection.execute(INSERT, (1, t, 1.0))
        dropped = connection.execute(
            "SELECT hazardwatch.drop_before(%s)", (today.date() - timedelta(days=4),)
        ).fetchone()
        assert dropped == (2,)
        assert connection.execute("SELECT count(*) FROM hazardwatch.reading_raw").fetchone() == (1,)


async def test_inspectors_read_the_views_and_nothing_else(database_url: str) -> None:
    await migrate.upgrade(database_url)
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO hazardwatch.point VALUES (7, 'E', 'S', 'S.LT', 'level', 'm', NULL, '{}')",
        )
        for second, value, quality in ((1, 3.0, 192), (2, 1.0, 64), (3, 99.0, 0), (4, None, 0)):
            connection.execute(
                "INSERT INTO hazardwatch.reading_raw VALUES (7, %s, %s, %s, 0, NULL, now())",
                (minute + timedelta(seconds=second), value, quality),
            )
        connection.execute("SELECT hazardwatch.touch_everything()")  # as one who wrote without saying where
        connection.execute("SET ROLE hazardwatch_reader")
        rows = connection.execute(
            "SELECT t, enterprise, source, tag, min, max, mean, last, n, bad FROM hazardwatch.reading_1m"
        ).fetchall()
        assert rows == [(minute, "E", "S", "S.LT", 1.0, 3.0, 2.0, 1.0, 2, 2)]
        assert connection.execute("SELECT count(*) FROM hazardwatch.reading").fetchone() == (4,)
        for view in ("reading_1h", "alarm", "alarm_event"):
            connection.execute(f"SELECT * FROM hazardwatch.{view}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM hazardwatch.reading_raw")
