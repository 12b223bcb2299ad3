"""Readings/s of a backtest on stored readings, two plans at once, in a process as the api starts it.

    python benchmarks/backtest.py

A PostgreSQL of its own holds 5 million readings of 100 tags (one in 5 s, three days) and 2.6 million of one tag (one a
second, 30 days).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alerting.backtest_job import Job, Line
from benchmarks import HEAD, Figure
from registry import migrate
from registry.alarms import AlarmSettings, Plan, PointSettings
from registry.database import Database
from tests.conftest import PostgresServer

DAY = timedelta(days=1)
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MANY, DAYS_OF_MANY, LONG_DAYS = range(1, 101), 3, 30
ONE = 101
DREAM = 100_000_000

# A slow swing of each tag with noise on it, across H some times a day.
FILL = """
INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at)
SELECT p, t, 60 + 15 * sin(extract(epoch FROM t) / (1000 + 37 * p)) + 2 * random(), 192, 0, t
FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - interval '1 ms', %(step)s) t,
     generate_series(%(first)s::int, %(last)s::int) p
"""


async def fill(url: str) -> int:
    database = await Database.open(url, name="bench")
    await database.wait()
    await database.close()
    await migrate.upgrade(url)
    count = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for points, days, step_s in ((MANY, DAYS_OF_MANY, 5), ([ONE], LONG_DAYS, 1)):
            for day in range(days):
                begin = END - (day + 1) * DAY
                connection.execute("SELECT hazardwatch.ensure_day(%s)", (begin.date(),))
                spans = {"begin": begin, "end": begin + DAY, "step": timedelta(seconds=step_s)}
                count += connection.execute(FILL, {**spans, "first": points[0], "last": points[-1]}).rowcount
        connection.execute("VACUUM ANALYZE hazardwatch.reading_raw")
    return count


def plan(points: list[int], limit: float) -> Plan:
    alarms = {
        "HH": AlarmSettings(limit + 2, deadband=1.0, priority=2),
        "H": AlarmSettings(limit, deadband=1.0, on_delay_ms=15_000, priority=3),
    }
    return Plan(1, tuple(PointSettings(n, "E", "S", f"T{n}", stale_ms=30_000, alarms=alarms) for n in points))


async def measure(url: str, name: str, points: list[int], days: int) -> list[Figure]:
    end = (END - EPOCH) // timedelta(milliseconds=1)
    job = Job(url, plan(points, 74.0), plan(points, 75.5), end - days * 86_400_000, end)
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "alerting.backtest_job", limit=64 << 20,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(job))
    process.stdin.close()
    first_s, last, peak = 0.0, Line(), 0
    async for text in process.stdout:
        first_s = first_s or time.perf_counter() - begun
        last = msgspec.json.decode(text, type=Line)
        if last.result is None:
            peak = max(peak, memory(process.pid))
    took = time.perf_counter() - begun
    await process.wait()
    assert last.result is not None, last.error
    rate = last.readings / took
    return [
        Figure(f"{name}: readings", last.readings, ""),
        Figure(f"{name}: raised with the old limits", last.result.before.raised, ""),
        Figure(f"{name}: raised with the new limits", last.result.after.raised, ""),
        Figure(f"{name}: first progress after", first_s, "s"),
        Figure(f"{name}: readings/s of both runs at once", rate, "readings/s"),
        Figure(f"{name}: 100 million at this pace", DREAM / rate / 60, "min"),
        Figure(f"{name}: memory of its process", peak / 2**20, "MiB"),
    ]


def memory(pid: int) -> int:
    """Resident bytes, now."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


async def main() -> None:
    server = PostgresServer()
    try:
        server.start()
        await fill(server.url)
        print(HEAD)
        for figure in await measure(server.url, "100 tags, 3 days", list(MANY), DAYS_OF_MANY):
            print(figure.row())
        for figure in await measure(server.url, "1 tag, 30 days", [ONE], LONG_DAYS):
            print(figure.row())
    finally:
        server.remove()


if __name__ == "__main__":
    asyncio.run(main())
