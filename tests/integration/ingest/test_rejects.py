"""Rejects from the wire to the database and, once the site has what they lacked, back through the line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from ingest import historian, replaying
from ingest.batches import pack
from ingest.reader import Reader
from ingest.rejects import EPOCH, Choice, Count, CursorError, counts, one, page, prune
from ingest.replaying import BusyError, Replayed, replay
from ingest.validate import Arrival, wiring
from line.log import Line, LineFull
from line.streams import Limits
from registry.database import Database, DatabaseError
from registry.platform import numbered
from registry.site import Gateway, Site
from tests.integration.ingest.conftest import batches, put_in_force, until
from tests.unit.ingest.sites import small_site, tag

T = int(datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0).timestamp()) * 1000
TOPIC = "hazard/v1/E1/GW1/readings"
ALL = Choice()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def database(line: Line, site: Site, database_url: str) -> AsyncIterator[Database]:
    """With a historian at work between it and the line."""
    stop = asyncio.Event()
    role = asyncio.create_task(historian.run(line, database_url, stop=stop))
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()
    stop.set()
    await asyncio.wait_for(role, 15)


async def settled(line: Line, database: Database) -> None:
    """The historian has written what is on the line now."""
    last = await line.last_input()

    async def written() -> bool:
        try:
            async with database.connection() as connection:
                row = await (await connection.execute("SELECT seq FROM hazardwatch.position")).fetchone()
        except DatabaseError:
            return False
        return bool(row and row[0] >= last)

    await until(written, "written")


async def arrive(line: Line, *said: tuple[str, Any]) -> None:
    """Messages (topic, payload) as ingest would put them on the line."""
    reader = Reader(wiring(small_site()))
    made = []
    for number, (topic, payload) in enumerate(said):
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        made.append((number, reader.read(Arrival(topic, raw, len(raw), T + 100 * number)).parts))
    for parcel in pack(made, 1):
        assert parcel.batch is not None
        await line.append(parcel.batch)


async def mend(line: Line) -> None:
    """The tag NEW and the gateway GW9 are known from now on."""
    found = await line.get("registry", "head")
    assert found is not None
    site = small_site()
    tags = {**site.tags, "E1/NEW": tag(50, "NEW")}
    gateways = {**site.gateways, "E1/GW9": Gateway("E1", "GW9", id=9)}
    changed = numbered(msgspec.structs.replace(site, tags=tags, gateways=gateways))
    await put_in_force(line, changed, before=json.loads(found[0])["version"], revision=found[1])


async def rows(database: Database, query: Any) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return await (await connection.execute(query)).fetchall()


async def readings(database: Database) -> list[tuple[int, int, float]]:
    found = await rows(database, "SELECT point, t, value FROM hazardwatch.reading_raw WHERE point < 100 ORDER BY 1, 2")
    return [(point, (t - EPOCH) // timedelta(milliseconds=1), value) for point, t, value in found]


async def again(line: Line, database: Database, choice: Choice = ALL, **more: Any) -> Replayed:
    done = await replay(line, database, choice, by="ann", now_ms=now_ms, **more)
    await settled(line, database)
    return done


MIXED = (
    (TOPIC, {"ts": T, "values": {"A": 1, "NEW": 2}}),
    (TOPIC, {"values": {"A": 3, "NEW": 4}}),
    ("hazard/v1/E1/GW9/readings", [{"ts": T + 7, "values": {"B": 5}}, {"ts": T + 6, "values": {"B": 6, "NOPE": 1}}]),
    (TOPIC, b"not json"),
)


async def test_what_was_refused_is_stored_once_after_its_cause_is_mended(line: Line, database: Database) -> None:
    await arrive(line, *MIXED)
    await settled(line, database)
    assert await readings(database) == [(1, T, 1.0), (1, T + 100, 3.0)]
    still = await again(line, database)
    assert (still.rejects, still.settled, still.readings) == (4, 0, 0)
    assert still.refused["still unknown_tag: E1 has no such tag"] == 2

    await mend(line)
    done = await again(line, database)
    assert (done.rejects, done.settled, done.readings) == (4, 3, 4)
    wanted = [(1, T, 1.0), (1, T + 100, 3.0), (2, T + 6, 6.0), (2, T + 7, 5.0), (50, T, 2.0), (50, T + 100, 4.0)]
    assert await readings(database) == wanted
    assert all(batch.replayed for batch in (await batches(line))[-1:])

    twice = await again(line, database)
    assert (twice.settled, twice.readings) == (0, 0)
    assert twice.rejects == 2, "what is no JSON, and the tag that the mended gateway's message named"
    assert await readings(database) == wanted
    kept, _ = await page(database, ALL, limit=10)
    told = {(one.reason, one.tag): (one.settled, one.replayed_by, (one.outcome or "")[:15]) for one in kept}
    assert told == {
        ("unknown_tag", "NEW"): (True, "ann", "1 reading put o"),
        ("unknown_gateway", ""): (True, "ann", "2 readings put "),
        ("not_json", ""): (False, "ann", "still not_json:"),
        ("unknown_tag", "NOPE"): (False, "ann", "still unknown_t"),
    }


async def test_killed_between_the_line_and_the_mark_a_replay_changes_nothing(
    line: Line, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arrive(line, *MIXED)
    await settled(line, database)
    await mend(line)

    async def dies(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(replaying, "mark", dies)
        with pytest.raises(DatabaseError):
            await again(line, database)
    await settled(line, database)
    stored = await readings(database)
    assert len(stored) == 6
    first = [hash_ for batch in await batches(line) if batch.replayed for hash_ in batch.hashes.tolist() if hash_]
    before = len(await batches(line))
    assert (await again(line, database)).settled == 3
    second = [hash_ for batch in (await batches(line))[before:] if batch.replayed for hash_ in batch.hashes.tolist()]
    assert first == [hash_ for hash_ in second if hash_], "the engine knows it for a repeat"
    assert await readings(database) == stored
    assert len((await page(database, ALL, limit=20))[0]) == 5, "nor is any reject doubled"


async def test_a_full_line_stops_a_replay_and_marks_nothing(line: Line, database: Database) -> None:
    await arrive(line, *MIXED)
    await settled(line, database)
    await mend(line)
    await line.ensure(Limits(input_bytes=(await line.usage()).input_bytes + 1, alarm_bytes=64 << 20))
    with pytest.raises(LineFull):
        await again(line, database)
    await line.ensure(Limits(input_bytes=64 << 20, alarm_bytes=64 << 20))
    assert (await again(line, database)).settled == 3


async def test_two_replays_at_once_are_one(line: Line, database: Database) -> None:
    await settled(line, database)
    async with replaying._alone(database):
        with pytest.raises(BusyError):
            await again(line, database)
    assert (await again(line, database)).rejects == 0


async def test_a_replay_takes_what_is_chosen_in_pieces(line: Line, database: Database) -> None:
    await arrive(line, *((TOPIC, {"ts": T + n, "values": {"NEW": n}}) for n in range(5)))
    await settled(line, database)
    await mend(line)
    span = Choice(None, "GW1", "NEW", "unknown_tag", EPOCH + timedelta(milliseconds=T + 100))
    assert (await again(line, database, Choice(["EX"]))).rejects == 0
    part = await again(line, database, span, most=3)
    assert (part.settled, part.next is not None) == (3, True)
    rest = await again(line, database, span, most=3, after=part.next)
    assert (rest.settled, rest.next) == (1, None)
    assert [t - T for _, t, _ in await readings(database)] == [1, 2, 3, 4]


async def test_rejects_come_newest_first_page_by_page_and_counted(database: Database, database_url: str) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    await until(lambda: _ready(database), "migrated")
    with psycopg.connect(database_url) as connection:
        for number in range(7):
            connection.execute(
                "INSERT INTO hazardwatch.reject (id, at, reason, detail, topic, enterprise, gateway, tag, payload, "
                "size, sha256) VALUES (%s, %s, %s, '', 't', %s, %s, '', 'x', 1, '')",
                (
                    f"id{number}",
                    begin + timedelta(hours=8 * (number // 2)),
                    "not_json" if number % 2 else "unknown_tag",
                    f"E{number % 3}",
                    f"G{number % 2}",
                ),
            )
    seen: list[str] = []
    after = None
    while True:
        found, after = await page(database, ALL, limit=3, after=after)
        seen += [each.id for each in found]
        if after is None:
            break
    assert seen == ["id6", "id5", "id4", "id3", "id2", "id1", "id0"]

    async def ids(choice: Choice) -> list[str]:
        return [each.id for each in (await page(database, choice, limit=9))[0]]

    assert await ids(Choice(["E1"])) == ["id4", "id1"]
    assert await ids(Choice([])) == []
    assert await ids(Choice(reason="not_json")) == await ids(Choice(gateway="G1")) == ["id5", "id3", "id1"]
    assert await ids(Choice(begin=begin + timedelta(hours=8), end=begin + timedelta(hours=16))) == ["id3", "id2"]
    with pytest.raises(CursorError):
        await page(database, ALL, limit=9, after="nobody's")
    shown = await one(database, "id3", ["E0"])
    assert shown is not None
    assert shown.payload == b"x"
    assert await one(database, "id3", ["E1"]) is None
    day = timedelta(days=1)
    assert await counts(database, Choice(["E0"], begin=begin, end=begin + 3 * day), "day") == [
        Count(begin + day, "unknown_tag", "E0", "G0", 1, 0, begin + day),
        Count(begin, "not_json", "E0", "G1", 1, 0, begin + timedelta(hours=8)),
        Count(begin, "unknown_tag", "E0", "G0", 1, 0, begin),
    ]
    assert await prune(database, begin + timedelta(hours=8)) == 2
    assert await ids(ALL) == ["id6", "id5", "id4", "id3", "id2"]


async def _ready(database: Database) -> bool:
    try:
        return bool(await rows(database, "SELECT 1 FROM hazardwatch.position"))
    except DatabaseError:
        return False
