"""What the journal has written, read back: a page of occurrences, one of them, and its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from alerting.events import Ev, Event, State
from registry.database import Database, queries

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_EVENTS = 10_000  # of one occurrence


@dataclass(frozen=True, slots=True)
class Question:
    """Which occurrences; empty sets, empty words and None admit all.

    `enterprises` None: all; `source` is `enterprise/source`; times are Unix milliseconds of the raise, the end
    excluded; `before` is the raise and the id of the last occurrence of the page before.
    """

    states: frozenset[str] = frozenset()
    priorities: frozenset[int] = frozenset()
    source: str = ""
    enterprises: frozenset[str] | None = None
    begin_ms: int | None = None
    end_ms: int | None = None
    late: bool | None = None
    before: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class KeptOccurrence:
    """From one raise of an alarm to the next, as the database has it; `state` may be SUPERSEDED."""

    alarm_id: str
    enterprise: str
    source: str
    tag: str
    alarm: str
    occ: int | None
    priority: int | None
    state: str
    since: datetime | None
    raised_at: datetime
    returned_at: datetime | None
    acked_at: datetime | None
    acked_by: str | None
    value: float | None
    limit_: float | None
    unit: str | None
    received_at: datetime | None
    emitted_at: datetime | None
    annunciated: bool
    late: bool
    exercise: bool
    unlogged: bool
    comment: str | None
    last_seq: int


async def occurrences(database: Database, asked: Question, *, limit: int) -> list[KeptOccurrence]:
    """At most `limit` of them, the newest raise first; Away while there is no database."""
    before_ms, before_id = asked.before or (None, None)
    return await database.rows(
        KeptOccurrence,
        queries("alerting", "journal.sql")["occurrences"],
        states=sorted(asked.states) or None,
        priorities=sorted(asked.priorities) or None,
        source=asked.source or None,
        enterprises=None if asked.enterprises is None else sorted(asked.enterprises),
        begin=moment(asked.begin_ms),
        end=moment(asked.end_ms),
        late=asked.late,
        before=moment(before_ms),
        before_id=before_id,
        limit=limit,
    )


async def occurrence(database: Database, alarm_id: str) -> KeptOccurrence | None:
    """One occurrence; None where the journal does not hold it."""
    found = await database.rows(KeptOccurrence, queries("alerting", "journal.sql")["occurrence"], alarm_id=alarm_id)
    return found[0] if found else None


async def events(database: Database, alarm_id: str) -> list[tuple[int, Event]]:
    """The events of one occurrence with their numbers, the oldest first."""
    query = queries("alerting", "journal.sql")["events"]
    async with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {"alarm_id": alarm_id, "limit": MOST_EVENTS})
        return [_event(row) for row in await cursor.fetchall()]


def ms(t: datetime | None) -> int | None:
    """Unix milliseconds of a time of the database."""
    return None if t is None else (t - EPOCH) // timedelta(milliseconds=1)


def moment(t_ms: int | None) -> datetime | None:
    """A time for the database."""
    return None if t_ms is None else EPOCH + timedelta(milliseconds=t_ms)


def _event(row: dict[str, Any]) -> tuple[int, Event]:
    seq: int = row.pop("seq")
    fields: dict[str, Any] = {name: ms(value) if isinstance(value, datetime) else value for name, value in row.items()}
    fields["ev"] = Ev(row["ev"])
    fields["state"] = None if row["state"] is None else State(row["state"])
    return seq, Event(**fields)
