"""The one door to the database: transactions, errors in our words, and a database that is away."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

import psycopg
import pytest

from registry.database import Away, Database, DatabaseError, Duplicate, FaultyUrl, Missing, check_url, unsafe_settings


@dataclass(frozen=True, slots=True)
class Pair:
    a: int
    b: str


async def insert_both(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO pair VALUES (2, 'two')")
        await connection.execute("INSERT INTO pair VALUES (1, 'again')")


async def test_a_transaction_is_kept_whole_or_not_at_all(database_url: str) -> None:
    database = await Database.open(database_url, name="test")
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE pair (a integer PRIMARY KEY, b text)")
        await connection.execute("INSERT INTO pair VALUES (1, 'one')")
    with pytest.raises(Duplicate):
        await insert_both(database)
    assert await database.rows(Pair, "SELECT a, b FROM pair WHERE a < %(most)s", most=9) == [Pair(1, "one")]
    await database.close()


async def test_errors_say_whether_asking_again_may_help(database_url: str) -> None:
    database = await Database.open(database_url, name="test")
    for statement, error in (
        ("SELECT * FROM nowhere", Missing),
        ("SELECT 1/0", DatabaseError),
        ("SELECT pg_terminate_backend(pg_backend_pid())", Away),
        ("SELECT 1", None),
    ):
        if error is None:
            async with database.connection() as connection:
                await connection.execute("SELECT 1")
            continue
        with pytest.raises(error) as raised:
            async with database.connection() as connection:
                await connection.execute(statement)
        assert type(raised.value) is error
    assert database.answers
    await database.close()


async def test_a_connection_that_died_in_the_pool_is_not_handed_out(database_url: str) -> None:
    database = await Database.open(database_url, name="test")
    await database.wait()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'hazardwatch test' AND datname = current_database()"
        )
    async with database.connection() as connection:
        await connection.execute("SELECT 1")
    await database.close()


async def test_a_database_that_is_away_is_told_why_and_found_when_it_comes(database_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = await Database.open(f"postgresql://me:hidden@127.0.0.1:{port}/x", name="test", patience_s=0.5)
    with pytest.raises(Away) as error:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
    assert "refused" in str(error.value)
    assert "hidden" not in str(error.value)
    assert not database.answers
    await database.close()

    name = database_url.rpartition("/")[2]
    late = await Database.open(f"{database_url}_late", name="test", patience_s=0.3)
    waiting = asyncio.create_task(late.wait())
    with pytest.raises(Away, match="does not exist"):
        async with late.connection() as connection:
            await connection.execute("SELECT 1")
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(f'CREATE DATABASE "{name}_late"')
    await asyncio.wait_for(waiting, 10)
    assert late.answers
    await late.close()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(f'DROP DATABASE "{name}_late" WITH (FORCE)')


async def test_settings_that_lose_confirmed_readings_are_seen(database_url: str) -> None:
    database = await Database.open(database_url, name="test")
    assert await unsafe_settings(database) == []
    await database.close()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            "ALTER ROLE CURRENT_USER IN DATABASE " + database_url.rpartition("/")[2] + " SET synchronous_commit = off"
        )
    database = await Database.open(database_url, name="test")
    assert await unsafe_settings(database) == ["synchronous_commit=off"]
    async with database.connection() as connection:  # and put right for our own connections
        row = await (await connection.execute("SHOW synchronous_commit")).fetchone()
    assert row == ("on",)
    await database.close()


@pytest.mark.parametrize("url", ["mysql://h/x", "h:5432", "postgresql://h:0/x", "postgresql://h:port/x", ""])
def test_what_is_no_database_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(FaultyUrl):
        check_url(url)
