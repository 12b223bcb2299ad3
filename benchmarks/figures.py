"""Milliseconds from a question about 30 days with 200,000 alarm events to its figures of merit, from the database.

    python benchmarks/figures.py

A PostgreSQL of its own holds a year of 2.4 million events of 5,000 alarms in 500 sources.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alerting import figures, record_read
from alerting.record import Record, of_pieces
from benchmarks import HEAD, Figure
from registry import migrate
from registry.database import Database
from tests.conftest import PostgresServer

DAY_MS = 86_400_000
END = 1_767_225_600_000
EVENTS, DAYS, ALARMS, SOURCES = 2_400_000, 360, 5_000, 500
ROUNDS = 7

# Raise, acknowledgement, return, raised again and left: of a few alarms often, in bursts of 600, every tenth time of
# one alarm ten times in a row.
FILL = """
INSERT INTO hazardwatch.alarm_journal
    (epoch, seq, t, alarm, ev, enterprise, source, tag, alarm_id, priority, state, occ, ann, emitted_at)
SELECT 'old', n, at, 'H', (ARRAY['ACTIVE', 'ACK', 'RTN', 'REALARM'])[1 + n % 4], 'E' || a % 100, 'S' || a % {sources},
    'T' || a, 'x' || n / 4, 1 + a % 4, (ARRAY['UNACK', 'ACKED', 'NORM', 'UNACK'])[1 + n % 4], 1, n % 4 IN (0, 3),
    at + interval '7 ms'
FROM (
    SELECT n,
        CASE WHEN n / 40 % 10 = 0 THEN n / 40 % {alarms}
            ELSE ({alarms} * power(abs(hashint4(n / 4)::bigint) % 100000 / 100000.0, 3))::int % {alarms} END AS a,
        to_timestamp({begin}) + interval '1 s' * {step} * (n / 600 * 600 + 600 * power(n % 600 / 600.0, 6)) AS at
    FROM generate_series(0, {events} - 1) AS n
) AS made
"""

OCCURRENCES = """
INSERT INTO hazardwatch.alarm_occurrence
    (alarm_id, enterprise, source, tag, alarm, state, raised_at, returned_at, epoch, first_seq, last_seq)
SELECT a.alarm_id, a.enterprise, a.source, a.tag, 'H', 'NORM', a.t, a.t + interval '30 s', 'old', a.seq, a.seq + 3
FROM hazardwatch.alarm_journal a WHERE a.ev = 'ACTIVE'
"""


async def fill(url: str) -> None:
    database = await Database.open(url, name="bench")
    await database.wait()
    await database.close()
    await migrate.upgrade(url)
    begin, step = (END - DAYS * DAY_MS) / 1000, DAYS * 86_400 / EVENTS
    with psycopg.connect(url, autocommit=True) as connection:
        query: Any = FILL.format(begin=begin, step=step, events=EVENTS, alarms=ALARMS, sources=SOURCES)
        connection.execute(query)
        connection.execute(OCCURRENCES)
        connection.execute("VACUUM ANALYZE hazardwatch.alarm_journal, hazardwatch.alarm_occurrence")


def parts(record: Record) -> dict[str, list[tuple[str, str]]]:
    return {f"{one.enterprise}/{one.source}": [(one.enterprise, one.source)] for one in record.alarms}


def median_ms(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


async def measure(url: str) -> list[Figure]:
    database = await Database.open(url, name="bench")
    begin = END - 30 * DAY_MS
    asked = record_read.Question(begin - figures.LOOK_BACK_MS, END, epoch="new")
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        kept = await record_read.kept(database, asked)
        took.append((time.perf_counter() - begun) * 1000)
    read_ms = statistics.median(took)
    await database.close()
    record = of_pieces(kept.pieces)
    found = figures.of_period(record, begin, END)
    joined_ms = median_ms(lambda: of_pieces(kept.pieces))
    figures_ms = median_ms(lambda: figures.of_period(record, begin, END))
    rows_ms = median_ms(lambda: figures.of_parts(record, begin, END, parts(record)))
    total = read_ms + joined_ms + figures_ms
    return [
        Figure("events in 30 days", len(record), ""),
        Figure("floods in them", len(found.flood.those), ""),
        Figure("chattering alarms", len(found.chattering.those), ""),
        Figure("read from the database", read_ms, "ms"),
        Figure("joined in order", joined_ms, "ms"),
        Figure("all figures", figures_ms, "ms"),
        Figure(f"rows of {len(parts(record))} sources", rows_ms, "ms"),
        Figure("question to figures and rows", total + rows_ms, "ms", 1000, at_least=False),
    ]  # fmt: skip


async def main() -> None:
    server = PostgresServer()
    try:
        server.start()
        await fill(server.url)
        print(HEAD)
        for figure in await measure(server.url):
            print(figure.row())
    finally:
        server.remove()


if __name__ == "__main__":
    asyncio.run(main())
