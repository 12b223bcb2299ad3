"""What the journal has written, read back as the record of a period, beside the same events taken straight."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from alerting import figures, record, record_read
from alerting.events import Ev, Event, State, event_seq
from alerting.record import Record
from alerting.record_read import Question
from line.log import Line
from registry.database import Away, Database
from tests.integration.alerting.conftest import Voice, running
from tests.integration.alerting.test_journal import event, keeping, until_journal

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()


def said(t: int, ev: Ev, state: State | None, tag: str = "T1", *, n: int = 0, **more: object) -> Event:
    fields = {"occ": 1, "priority": 2, "emitted_at": T0 + t + 5, **more}
    one = f"{tag} {n}" if state else None
    return event(ev, state, id_=one, t=T0 + t, tag=tag, **fields)


LIFE = [
    said(-3 * DAY, Ev.ACTIVE, State.UNACK, "STOOD", ann=True),
    said(-3 * DAY + HOUR, Ev.REALARM, State.UNACK, "STOOD", ann=True),
    said(-2 * DAY, Ev.ACK, State.ACKED, "STOOD"),
    said(-3 * DAY, Ev.ACTIVE, State.UNACK, "SILENCED", ann=True),
    said(-2 * DAY, Ev.SHELVED, State.SHLVD, "SILENCED"),
    said(-3 * DAY, Ev.ACTIVE, State.UNACK, "OVER", ann=True),
    said(-2 * DAY, Ev.RTN, State.RTNUN, "OVER"),
    said(-30 * MINUTE, Ev.ACTIVE, State.UNACK, ann=True, n=1),
    said(-29 * MINUTE, Ev.RTN, State.RTNUN, n=1),
    said(0, Ev.ACTIVE, State.UNACK, ann=True, n=2),
    said(3_000, Ev.RTN, State.RTNUN, n=2),
    said(4_000, Ev.ACTIVE, State.UNACK, "LATE", ann=False, late=True),
    said(4_000, Ev.REALARM, State.UNACK, "LATE", ann=True, late=True, emitted_at=T0 + 20_000),
    said(HOUR, Ev.UNSHELVED, State.ACKED, "SILENCED", ann=False),
    said(2 * HOUR, Ev.RTN, State.NORM, "STOOD"),
]
NOT_COUNTED = [
    said(1, Ev.ACTIVE, State.UNACK, "DRILL", ann=True, exercise=True),
    said(2, Ev.ACTIVE, State.RTNUN, "OFFLINE", ann=False, late=True, occ=0),
    said(3, Ev.REJECT, State.UNACK, n=2, reason="x"),
    said(4, Ev.COMMENT, State.UNACK, n=2, comment="x"),
    said(5, Ev.BAD, None, alarm="POINT"),
]
QUESTION = Question(T0 - HOUR, T0 + DAY, epoch="another line")


async def journalled(line: Line, url: str, *events: Event) -> str:
    """Says the events, waits until the database has them; the epoch of the line."""
    voice = Voice(line)
    for one in events:
        await voice.say(one)
    async with running(keeping(line, url)):
        await until_journal(line, voice.seq)
    return await line.epoch()


def lines(found: Record) -> list[tuple[object, ...]]:
    columns = zip(found.heard, found.t, found.kind, found.annunciated, found.stands, found.priority, strict=True)
    return sorted(
        (found.alarms[place], *(int(value) for value in rest)) for place, rest in zip(found.alarm, columns, strict=True)
    )


async def test_the_record_of_the_database_is_that_of_the_events(
    line: Line, database_url: str, database: Database
) -> None:
    everything = sorted([*LIFE, *NOT_COUNTED], key=lambda one: one.t)
    await journalled(line, database_url, *everything)
    read = record.of_pieces((await record_read.kept(database, QUESTION)).pieces)
    begin_ms = QUESTION.begin_ms
    wanted = [
        one
        for one in LIFE
        if (one.emitted_at or 0) >= begin_ms
        or (one.tag in ("STOOD", "SILENCED") and one.ev not in (Ev.REALARM, Ev.ACK))
    ]
    assert lines(read) == lines(record.of_events(wanted))
    of_read = figures.of_period(read, T0, T0 + DAY)
    assert of_read == figures.of_period(record.of_events(LIFE), T0, T0 + DAY)
    assert (of_read.total, len(of_read.fleeting.those)) == (2, 1)
    assert [(one.alarm.tag, one.until) for one in of_read.stale.those] == [("STOOD", T0 + 2 * HOUR + 5)]


async def test_what_is_asked_for_narrows_it(line: Line, database_url: str, database: Database) -> None:
    await journalled(
        line, database_url,
        said(0, Ev.ACTIVE, State.UNACK, ann=True),
        said(1, Ev.ACTIVE, State.UNACK, "X", ann=True, source="S2"),
        said(2, Ev.ACTIVE, State.UNACK, "Y", ann=True, enterprise="E2"),
        said(DAY, Ev.ACTIVE, State.UNACK, "Z", ann=True),
    )  # fmt: skip

    async def tags(**more: object) -> set[str]:
        asked = Question(T0, T0 + DAY, "another line", **more)  # type: ignore[arg-type]  # a test's shorthand
        return {piece.alarm.tag for piece in (await record_read.kept(database, asked)).pieces}

    assert await tags() == {"T1", "X", "Y"}
    assert await tags(enterprises=frozenset({"E1"})) == {"T1", "X"}
    assert await tags(enterprises=frozenset({"E1"}), source="E1/S2") == {"X"}
    assert await tags(enterprises=frozenset()) == set()


async def test_of_the_line_in_use_only_what_is_committed_counts(
    line: Line, database_url: str, database: Database
) -> None:
    epoch = await journalled(
        line, database_url, said(0, Ev.ACTIVE, State.UNACK, ann=True), said(1, Ev.RTN, State.RTNUN)
    )
    kept = await record_read.kept(database, Question(T0, T0 + DAY, epoch))
    assert (kept.below, len(kept.pieces[0].rows)) == (event_seq(3, 0), 2)
    async with database.connection() as connection:
        await connection.execute("UPDATE hazardwatch.position SET seq = 1 WHERE role = 'journal'")
    kept = await record_read.kept(database, Question(T0, T0 + DAY, epoch))
    assert (kept.below, len(kept.pieces[0].rows)) == (event_seq(2, 0), 1)


async def test_too_many_events_are_refused_before_they_fill_the_memory(
    line: Line, database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journalled(line, database_url, *(said(n, Ev.ACTIVE, State.UNACK, f"T{n}", ann=True) for n in range(3)))
    monkeypatch.setattr(record_read, "MOST_EVENTS", 3)
    assert len((await record_read.kept(database, QUESTION)).pieces) == 3
    monkeypatch.setattr(record_read, "MOST_EVENTS", 2)
    with pytest.raises(record_read.TooMany):
        await record_read.kept(database, QUESTION)


async def test_a_database_that_is_away_says_so() -> None:
    away = await Database.open("postgresql://nobody@127.0.0.1:1/none", name="test", patience_s=0.2)
    with pytest.raises(Away):
        await record_read.kept(away, QUESTION)
    await away.close()
