"""The role historian between a real line and a real database: each reading once, whoever dies or goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from ingest import historian
from ingest.historian import Historian
from ingest.store import Store
from line.clock import SteadyClock
from line.log import Line
from line.messages import CLOCK_SHIFTED, Batch, GatewayStatus, Reject
from registry import migrate
from registry.database import Database
from registry.site import Site
from tests.conftest import PostgresServer
from tests.integration.ingest.conftest import put_in_force, status_says, until
from tests.unit.ingest.sites import small_site

# A moment of today, so that its day has a partition; whole seconds, so that floating point is exact.
T = int(datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0).timestamp()) * 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def batch(
    said: list[tuple[int, int, float]],
    *,
    quality: int = 192,
    gateway: int = 1,
    clock: int = 0,
    source: int = 0,
    rejects: tuple[Reject, ...] = (),
    statuses: tuple[GatewayStatus, ...] = (),
) -> Batch:
    """One message with readings (point, ms, value)."""
    count = len(said)
    points, times, values = (list(column) for column in zip(*said, strict=True)) if said else ([], [], [])
    return Batch(
        registry=1,
        hashes=np.zeros(1, np.uint64),
        gateways=np.array([gateway], np.int32),
        at_ms=np.array([T + 99], np.int64),
        message=np.zeros(count, np.int32),
        points=np.array(points, np.int32),
        t_ms=np.array(times, np.int64),
        values=np.array(values, np.float64),
        qualities=np.full(count, quality, np.uint8),
        clocks=np.full(count, clock, np.uint8),
        source_t_ms=np.full(count, source, np.int64) if clock == CLOCK_SHIFTED else np.array(times, np.int64),
        rejects=rejects,
        statuses=statuses,
    )


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def readings(url: str) -> list[tuple[int, int, float | None]]:
    found = rows(url, "SELECT point, t, value FROM hazardwatch.reading_raw ORDER BY point, t")
    return [(point, (t - EPOCH) // timedelta(milliseconds=1), value) for point, t, value in found]


@asynccontextmanager
async def recording(line: Line, url: str) -> AsyncIterator[None]:
    """The role at work inside; afterwards it has ended."""
    stop = asyncio.Event()
    role = asyncio.create_task(historian.run(line, url, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(role, 15)


async def all_stored(line: Line, seconds: float = 20) -> None:
    last = await line.last_input()

    async def told() -> bool:
        found = await line.get("positions", "historian")
        return found is not None and int(found[0]) >= last

    await until(told, f"stored up to {last}", seconds)


async def test_readings_rejects_statuses_and_the_site_become_rows(line: Line, site: Site, database_url: str) -> None:
    reject = Reject("not_json", "hazard/v1/E1/GW1/readings", T, b"\x00\xff", 2, "ab" * 32, "why", "E1", "GW1")
    await line.append(batch([(1, T, 1.5), (2, T, float("nan"))], rejects=(reject,)))
    await line.append(batch([(1, T + 1, 2.5)], clock=CLOCK_SHIFTED, source=5, statuses=(GatewayStatus(1, True, T, 5),)))
    async with recording(line, database_url):
        await all_stored(line)
        await until(lambda: status_says(line, b'"registry":1', "historian"), "works with the site")
        assert await status_says(line, b'"storage":', "historian")
    moment = EPOCH + timedelta(milliseconds=T)
    late = EPOCH + timedelta(milliseconds=T + 99)
    assert rows(database_url, "SELECT * FROM hazardwatch.reading_raw ORDER BY point, t") == [
        (1, moment, 1.5, 192, 0, None, late),
        (1, moment + timedelta(milliseconds=1), 2.5, 192, 2, EPOCH + timedelta(milliseconds=5), late),
        (2, moment, None, 192, 0, None, late),
    ]
    assert rows(database_url, "SELECT enterprise, source, tag, value FROM hazardwatch.reading WHERE tag = 'B'") == [
        ("E1", "TF1", "B", None)
    ]
    assert rows(
        database_url, "SELECT at, reason, topic, payload, size, sha256, enterprise FROM hazardwatch.reject"
    ) == [(moment, "not_json", "hazard/v1/E1/GW1/readings", b"\x00\xff", 2, "ab" * 32, "E1")]
    assert rows(database_url, "SELECT gateway, at, online, ts FROM hazardwatch.gateway_status") == [
        (1, moment, True, EPOCH + timedelta(milliseconds=5))
    ]
    assert rows(database_url, "SELECT version FROM hazardwatch.site_version") == [(1,)]
    told = await line.get("positions", "historian")
    assert told is not None
    assert int(told[0]) == await line.last_input()


async def test_what_comes_twice_is_stored_once_and_another_value_becomes_a_reject(
    line: Line, site: Site, database_url: str
) -> None:
    async with recording(line, database_url):
        await line.append(batch([(1, T, 1.0), (2, T, float("nan")), (1, T + 1, 1.0)]))
        await all_stored(line)
        await line.append(batch([(1, T, 1.0), (2, T, float("nan")), (3, T, 7.0)]))  # a redelivery with news behind it
        await all_stored(line)
        await line.append(batch([(1, T, 5.0), (1, T, 1.0), (2, T, 2.0), (3, T + 1, 8.0), (3, T + 1, 9.0)]))
        await all_stored(line)
    assert readings(database_url) == [(1, T, 1.0), (1, T + 1, 1.0), (2, T, None), (3, T, 7.0), (3, T + 1, 8.0)]
    kept = rows(database_url, "SELECT reason, enterprise, gateway, tag, payload FROM hazardwatch.reject ORDER BY tag")
    assert [row[:4] for row in kept] == [("same_time", "E1", "GW1", tag) for tag in "ABC"]
    assert [json.loads(row[4]) for row in kept] == [
        {"ts": T, "values": {"A": 5.0}},
        {"ts": T, "values": {"B": 2.0}},
        {"ts": T + 1, "values": {"C": 9.0}},
    ]


class CrashingStore(Store):
    """Dies after the rows are written and before the position is."""

    async def move_position(self, *_: Any, **__: Any) -> None:
        raise KeyboardInterrupt


async def test_a_crash_between_rows_and_position_changes_nothing(line: Line, site: Site, database_url: str) -> None:
    await line.append(batch([(1, T + n, float(n)) for n in range(100)]))
    database = await Database.open(database_url, name="historian")
    dying = Historian(line, database, database_url, await SteadyClock.open(line))
    await dying._prepare()
    dying._store = CrashingStore()
    (gathered,) = historian.gather([one async for one in _first_list(line)])
    with pytest.raises(KeyboardInterrupt):
        await dying._commit(gathered)
    await database.close()
    assert readings(database_url) == []
    async with recording(line, database_url):
        await all_stored(line)
    assert readings(database_url) == [(1, T + n, float(n)) for n in range(100)]


async def _first_list(line: Line) -> AsyncIterator[Any]:
    stream = line.inputs(0)
    async for messages in stream:
        for message in messages:
            yield message
        break
    await stream.aclose()


async def test_stopped_and_started_again_and_again_it_stores_all_once(
    line: Line, site: Site, database_url: str
) -> None:
    sent = [(point, T + n, float(n)) for n in range(300) for point in (1, 2, 3)]

    async def send() -> None:
        for begin in range(0, len(sent), 9):
            await line.append(batch(sent[begin : begin + 9]))

    sending = asyncio.create_task(send())
    while not sending.done():
        async with recording(line, database_url):
            await asyncio.sleep(0.15)  # a life cut off anywhere
    async with recording(line, database_url):
        await all_stored(line)
    assert readings(database_url) == sorted(sent)
    assert rows(database_url, "SELECT count(*) FROM hazardwatch.reject") == [(0,)]


async def test_a_second_historian_does_not_write_over_the_first(line: Line, site: Site, database_url: str) -> None:
    async with recording(line, database_url), recording(line, database_url):
        for n in range(30):
            await line.append(batch([(1, T + n, float(n))]))
        await all_stored(line)
    assert readings(database_url) == [(1, T + n, float(n)) for n in range(30)]


async def test_a_new_line_on_an_old_database_begins_anew(line: Line, site: Site, database_url: str) -> None:
    await migrate.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO hazardwatch.position VALUES ('historian', 'another line', 5000)")
    await line.append(batch([(1, T, 1.0)]))
    async with recording(line, database_url):
        await all_stored(line)
    assert readings(database_url) == [(1, T, 1.0)]


async def test_odd_days_are_stored_too(line: Line, site: Site, database_url: str) -> None:
    odd = [253_402_300_799_999, -62_135_596_800_000, 0, T + 86_400_000 * 3, T - 86_400_000 * 800, T - 86_400_000]
    await line.append(batch([(1, t, 1.0) for t in odd]))
    async with recording(line, database_url):
        await all_stored(line)
    found = rows(database_url, "SELECT (extract(epoch FROM t) * 1000)::bigint FROM hazardwatch.reading_raw")
    assert sorted(int(t) for (t,) in found) == sorted(odd)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A database server of this test's own, which it may stop."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


async def test_a_database_that_goes_away_is_waited_for_and_caught_up_with(
    line: Line, site: Site, own_postgres: PostgresServer
) -> None:
    url = own_postgres.url
    async with recording(line, url):
        await line.append(batch([(1, T, 0.0)]))
        await all_stored(line)
        await asyncio.to_thread(own_postgres.stop)
        for n in range(1, 50):
            await line.append(batch([(1, T + n, float(n))]))
        await until(lambda: status_says(line, b'"degraded":["database"]', "historian"), "says that it waits")
        await asyncio.to_thread(own_postgres.start)
        await all_stored(line)

        async def well() -> bool:
            return not await status_says(line, b'"degraded"', "historian")

        await until(well, "says that it is well")
    assert readings(url) == [(1, T + n, float(n)) for n in range(50)]


async def test_it_starts_before_the_database_does(line: Line, site: Site, own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    async with recording(line, own_postgres.url):
        await line.append(batch([(1, T, 1.0)]))
        await until(lambda: status_says(line, b'"degraded":["database"]', "historian"), "says that it waits")
        await asyncio.to_thread(own_postgres.start)
        await all_stored(line)
    assert readings(own_postgres.url) == [(1, T, 1.0)]


async def test_what_everybody_has_is_forgotten(line: Line, site: Site, database_url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("ingest.trimming.EVERY_S", 0.1)
    for n in range(10):
        await line.append(batch([(1, T + n, 1.0)]))
    await line.put("positions", "engine", b"6")
    async with recording(line, database_url):
        await all_stored(line)

        async def forgotten() -> bool:
            return await line.first_input() == 7

        await until(forgotten, "INPUT begins after the snapshot")


async def test_a_later_site_replaces_the_copy(line: Line, site: Site, database_url: str) -> None:
    found = await line.get("registry", "head")
    assert found is not None
    await put_in_force(line, small_site(), before=1, revision=found[1])
    async with recording(line, database_url):
        await all_stored(line)
    assert rows(database_url, "SELECT version FROM hazardwatch.site_version ORDER BY 1") == [(1,), (2,)]
