"""The journal on a real line and a real database: once, in order, whatever goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import LiteralString

import msgspec
import pytest

from alerting import journal, journal_read
from alerting.events import Ev, Event, State
from alerting.journal_read import Question
from alerting.notifier import attempts
from alerting.notifier.attempts import Attempt, Kind, Outcome
from line.log import Line
from registry.database import Database, Missing
from tests.integration.alerting.conftest import Voice, running


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()


def keeping(line: Line, url: str) -> Callable[[asyncio.Event], Awaitable[None]]:
    return lambda stop: journal.run(line, url, stop=stop)


def event(ev: Ev, state: State | None, *, id_: str | None = "a1", t: int = 1_767_225_600_123, **more: object) -> Event:
    fields = {"enterprise": "E1", "source": "S1", "tag": "T1", "alarm": "H", "emitted_at": t + 5, **more}
    return Event(t=t, ev=ev, state=state, alarm_id=id_, **fields)  # type: ignore[arg-type]  # a test's shorthand


async def until_journal(line: Line, seq: int) -> None:
    async with asyncio.timeout(20):
        async for key, value in line.watch("positions"):
            if key == "journal" and value is not None and int(value) >= seq:
                return


async def test_events_become_rows_and_occurrences(line: Line, database_url: str, database: Database) -> None:
    voice = Voice(line)
    await voice.say(
        event(Ev.ACTIVE, State.UNACK, occ=1, ann=True, value=85.5, limit=80.0, unit="m", priority=2, since=1),
        event(Ev.BAD, None, id_=None, alarm="POINT"),
    )
    await voice.say(event(Ev.ACK, State.ACKED, user="op", comment="nul \0 in it"))
    async with running(keeping(line, database_url)):
        await until_journal(line, voice.seq)
        (found,) = await journal_read.occurrences(database, Question(), limit=10)
        assert (found.state, found.acked_by, found.value, found.limit_, found.unit) == ("ACKED", "op", 85.5, 80.0, "m")
        assert journal_read.ms(found.raised_at) == 1_767_225_600_123
        events = await journal_read.events(database, "a1")
        assert [one.ev for _, one in events] == [Ev.ACTIVE, Ev.ACK]
        assert events[0][0] == 1 << 20
        assert events[0][1].since == 1
        assert events[1][1].comment == "nul � in it"
        rows = await _all(database, "SELECT alarm, ev FROM hazardwatch.alarm_event ORDER BY seq")
        assert rows == [("H", "ACTIVE"), ("POINT", "BAD"), ("H", "ACK")]


async def test_killed_and_started_again_each_event_is_there_once(
    line: Line, database_url: str, database: Database
) -> None:
    voice = Voice(line)
    for number in range(0, 6, 2):
        async with running(keeping(line, database_url)):
            await voice.say(event(Ev.ACTIVE, State.UNACK, id_=f"a{number}", t=1_767_225_600_000 + number))
            await until_journal(line, voice.seq)
            await voice.say(event(Ev.ACTIVE, State.UNACK, id_=f"a{number + 1}", t=1_767_225_600_001 + number))
    async with running(keeping(line, database_url)):
        await until_journal(line, voice.seq)
    assert await _all(database, "SELECT count(*), count(DISTINCT alarm_id) FROM hazardwatch.alarm_journal") == [(6, 6)]
    states = await _all(database, "SELECT state FROM hazardwatch.alarm ORDER BY raised_at")
    assert [state for (state,) in states] == ["SUPERSEDED"] * 5 + ["UNACK"]


async def test_superseded_occurrences_take_the_acknowledgement_of_their_successor(
    line: Line, database_url: str, database: Database
) -> None:
    voice = Voice(line)
    async with running(keeping(line, database_url)):
        await voice.say(event(Ev.ACTIVE, State.UNACK))
        await voice.say(event(Ev.RTN, State.RTNUN))
        await until_journal(line, voice.seq)
        await voice.say(event(Ev.ACTIVE, State.UNACK, id_="a2", t=1_767_225_700_000))
        await until_journal(line, voice.seq)
        await voice.say(event(Ev.ACK, State.ACKED, id_="a2", user="op", t=1_767_225_800_000))
        await until_journal(line, voice.seq)
    found = await _all(database, "SELECT alarm_id, state, acked_by FROM hazardwatch.alarm ORDER BY raised_at")
    assert found == [("a1", "SUPERSEDED", "op"), ("a2", "ACKED", "op")]


async def test_pages_and_filters(line: Line, database_url: str, database: Database) -> None:
    voice = Voice(line)
    for number in range(5):
        await voice.say(
            event(Ev.ACTIVE, State.UNACK, id_=f"a{number}", tag=f"T{number}", t=10**12 + number, priority=2)
        )
    await voice.say(event(Ev.ACTIVE, State.UNACK, id_="b", enterprise="E2", t=10**12, priority=1, late=True))
    async with running(keeping(line, database_url)):
        await until_journal(line, voice.seq)
    first = await journal_read.occurrences(database, Question(enterprises=frozenset({"E1"})), limit=3)
    last = first[-1]
    rest = await journal_read.occurrences(
        database,
        Question(enterprises=frozenset({"E1"}), before=(journal_read.ms(last.raised_at) or 0, last.alarm_id)),
        limit=3,
    )
    assert [one.alarm_id for one in first + rest] == ["a4", "a3", "a2", "a1", "a0"]
    for question in (Question(priorities=frozenset({1})), Question(late=True), Question(source="E2/S1")):
        assert [one.alarm_id for one in await journal_read.occurrences(database, question, limit=9)] == ["b"]
    span = Question(begin_ms=10**12 + 3, end_ms=10**12 + 4, states=frozenset({"UNACK"}))
    assert [one.alarm_id for one in await journal_read.occurrences(database, span, limit=9)] == ["a3"]
    assert await journal_read.occurrence(database, "none") is None


async def test_a_time_that_no_calendar_has_does_not_stop_the_journal(
    line: Line, database_url: str, database: Database
) -> None:
    voice = Voice(line)
    await voice.say(event(Ev.ACTIVE, State.UNACK, t=-(2**53), since=-(2**53)))
    async with running(keeping(line, database_url)):
        await until_journal(line, voice.seq)
    assert await _all(database, "SELECT count(*) FROM hazardwatch.alarm_event") == [(1,)]


async def test_attempts_are_copied_as_they_begin_and_end(line: Line, database_url: str, database: Database) -> None:
    began = Attempt(
        "a1.raise-1.c1.1", "a1.raise-1.c1", 10**12, "Night shift", "json://host", Kind.RAISE, 1, Outcome.SENDING,
        alarm_id="a1", enterprise="E1", tag="T1", alarm="H", priority=1,
    )  # fmt: skip
    async with running(keeping(line, database_url)):
        await line.put(attempts.BUCKET, "secret", b"not an attempt")
        await line.put(attempts.BUCKET, f"{attempts.PREFIX}0", attempts.encode(began))
        await _until(database, "SELECT outcome FROM hazardwatch.notification", [("sending",)])
        ended = msgspec.structs.replace(began, outcome=Outcome.SENT, done_at=10**12 + 5, accepted_by="op")
        await line.put(attempts.BUCKET, f"{attempts.PREFIX}0", attempts.encode(ended))
        await _until(database, "SELECT outcome, accepted_by FROM hazardwatch.notification", [("sent", "op")])
    assert await attempts.recent(line) == [ended]


async def _all(database: Database, query: LiteralString) -> list[tuple[object, ...]]:
    async with database.connection() as connection:
        return list(await (await connection.execute(query)).fetchall())


async def _until(database: Database, query: LiteralString, wanted: list[tuple[object, ...]]) -> None:
    async with asyncio.timeout(15):
        while True:
            with suppress(Missing):  # the table is being made
                if await _all(database, query) == wanted:
                    return
            await asyncio.sleep(0.02)  # a table cannot be watched
