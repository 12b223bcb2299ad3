"""Stored readings under a new site: the same events as from a file of them, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from alerting.replay import replay_readings
from alerting.replay_stored import Period, replay_stored
from ingest.export import export_readings
from ingest.progress import Far
from registry import migrate
from registry.alarms import AlarmSettings, Plan, PointSettings
from registry.database import Database

BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
PERIOD = Period(BEGIN, BEGIN + timedelta(days=2))
MINUTES = 2 * 1440 - 100  # the rest of the second day is silent


def plan(limit: float) -> Plan:
    """Other numbers than those of the database, and a tag that it does not know."""
    alarms = {"H": AlarmSettings(limit, deadband=1.0, on_delay_ms=90_000, priority=3)}
    points = [PointSettings(n, e, "S", tag, stale_ms=300_000, alarms=alarms) for n, e, tag in (
        (5, "E", "B"), (6, "E", "A"), (7, "F", "A"), (8, "E", "NEW"),
    )]  # fmt: skip
    return Plan(1, tuple(points))


async def with_history(url: str) -> None:
    """E/A under an old number and a new one, E/B and F/A: each swings across 80 every two hours."""
    await migrate.upgrade(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for number, enterprise, tag, retired in (
            (1, "E", "A", BEGIN),
            (2, "E", "A", None),
            (3, "E", "B", None),
            (4, "F", "A", None),
        ):
            await connection.execute(
                "INSERT INTO hazardwatch.point VALUES (%s, %s, 'S', %s, 'other', 'm', %s, '{}')",
                (number, enterprise, tag, retired),
            )
        await connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT p, t, 70 + 20 * sin(n / 19.0 + p), 192, 0, t FROM ("
            "SELECT n, %s::timestamptz + n * interval '1 min' AS t FROM generate_series(0, %s) n"
            ") s, generate_series(1, 4) p WHERE p <> CASE WHEN n < 700 THEN 2 ELSE 1 END",
            (BEGIN, MINUTES - 1),
        )


async def test_what_is_stored_gives_the_events_that_a_file_of_it_gives(database_url: str, tmp_path: Path) -> None:
    await with_history(database_url)
    database = await Database.open(database_url, name="test")
    seen: list[Far] = []
    said: list[str] = []
    by_file, by_store = tmp_path / "file.jsonl", tmp_path / "store.jsonl"
    try:
        with (tmp_path / "readings.csv").open("wb") as file:
            await export_readings(database, file.write, begin=PERIOD.begin, end=PERIOD.end, enterprise=None)
        replay_readings(plan(80.0), tmp_path / "readings.csv", by_file, say=said.append)
        await replay_stored(plan(80.0), database, PERIOD, by_store, tell=seen.append, say=said.append)
        counted = tmp_path / "counted.jsonl"
        one = Period(PERIOD.begin, PERIOD.end, "F")
        await replay_stored(plan(80.0), database, one, counted, tell=seen.append, say=said.append)
        await replay_stored(plan(99.0), database, one, tmp_path / "none", tell=seen.append, say=said.append)
    finally:
        await database.close()
    assert by_store.read_bytes() == by_file.read_bytes()
    assert by_file.read_bytes().count(b'"ACTIVE"') > 50
    assert said[0].startswith(f"{3 * MINUTES:,} readings in ")
    assert said[3] == said[1]
    assert said[5].startswith("alarms: HH 0, H 2")
    assert said[7] == "alarms: HH 0, H 0, LL 0, L 0"
    assert b'"enterprise":"E"' not in counted.read_bytes()
    assert [far.done for far in seen if far.done == 1.0] == [1.0] * 3
    assert (seen[-1].readings, seen[-1].remaining_s) == (MINUTES, 0.0)
