"""Kept rejects to lists, counts and what became of them; and forgotten when they are old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from registry.database import Database, DatabaseError, queries

log = structlog.get_logger()

SQL = "rejects.sql"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_COUNTS = 10_000
KEPT_FOR = timedelta(days=90)  # as long as raw readings by default
PRUNE_EVERY_S, SLICE = 3_600.0, 5_000
Period = Literal["hour", "day", "month"]


class CursorError(ValueError):
    """The cursor is none that a list of rejects gave."""


@dataclass(frozen=True, slots=True)
class KeptReject:
    """What could not be used, as it is kept; `settled`: a replay has put its readings on the line."""

    id: str
    at: datetime
    reason: str
    detail: str
    topic: str
    enterprise: str
    gateway: str
    tag: str
    payload: bytes
    size: int
    sha256: str
    instant: datetime | None = None
    shift_ms: int | None = None
    replayed_at: datetime | None = None
    replayed_by: str | None = None
    outcome: str | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rejects are asked about; None: all. `enterprises` None: also those that nobody knows."""

    enterprises: list[str] | None = None
    gateway: str | None = None
    tag: str | None = None
    reason: str | None = None
    begin: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, enterprises: Collection[str] | None, **more: str | datetime | None) -> Choice:
        chosen = None if enterprises is None else sorted(enterprises)
        return cls(chosen, **{name: value or None for name, value in more.items()})  # type: ignore[arg-type]  # by name


@dataclass(frozen=True, slots=True)
class Count:
    """Rejects of one reason and gateway in one period, which begins at `t`."""

    t: datetime
    reason: str
    enterprise: str
    gateway: str
    n: int
    settled: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of a reject that was tried again."""

    id: str
    outcome: str
    settled: bool


async def page(
    database: Database, choice: Choice, *, limit: int, after: str | None = None, settled: bool | None = None
) -> tuple[list[KeptReject], str | None]:
    """Newest first, and the cursor of the next page; CursorError where `after` is none."""
    at, ident = place_of(after)
    asked = {**asdict(choice), "settled": settled, "at": at, "id": ident, "limit": limit + 1}
    found = await database.rows(KeptReject, queries("ingest", SQL)["page"], **asked)
    return found[:limit], cursor_of(found[limit - 1]) if len(found) > limit else None


async def one(database: Database, ident: str, enterprises: Collection[str] | None = None) -> KeptReject | None:
    scope = None if enterprises is None else sorted(enterprises)
    found = await database.rows(KeptReject, queries("ingest", SQL)["one"], id=ident, enterprises=scope)
    return found[0] if found else None


async def counts(database: Database, choice: Choice, period: Period) -> list[Count]:
    """At most MOST_COUNTS; `begin` and `end` of the choice must be given."""
    asked = {**asdict(choice), "period": period, "limit": MOST_COUNTS}
    return await database.rows(Count, queries("ingest", SQL)["counts"], **asked)


async def open_rejects(database: Database, choice: Choice, *, limit: int, after: str | None) -> list[KeptReject]:
    """What no replay has put right yet, the oldest first, after the reject that a cursor names."""
    at, ident = place_of(after)
    return await database.rows(
        KeptReject, queries("ingest", SQL)["open"], **{**asdict(choice), "at": at, "id": ident, "limit": limit}
    )


async def mark(database: Database, marks: Sequence[Mark], *, by: str, at: datetime) -> None:
    """Writes down what became of some rejects, by whose doing and when."""
    rows = [{"id": each.id, "outcome": each.outcome, "settled": each.settled, "by": by, "at": at} for each in marks]
    async with database.transaction() as connection, connection.cursor() as cursor:
        await cursor.executemany(queries("ingest", SQL)["mark"], rows)


async def prune(database: Database, before: datetime) -> int:
    """Forgets what is older, in slices, so that nobody waits for long; returns how many those were."""
    statement = queries("ingest", SQL)["prune"]
    gone = 0
    while True:
        async with database.connection() as connection:
            done = await connection.execute(statement, {"before": before, "limit": SLICE})
        gone += done.rowcount
        if done.rowcount < SLICE:
            return gone


async def keep_pruned(database: Database, now_ms: Callable[[], int]) -> None:
    """Forgets old rejects every hour, until cancelled; a database that is away is asked again an hour later."""
    while True:
        await asyncio.sleep(PRUNE_EVERY_S)
        try:
            gone = await prune(database, EPOCH + timedelta(milliseconds=now_ms()) - KEPT_FOR)
        except DatabaseError as error:
            log.info("old rejects not forgotten", error=str(error))
        else:
            if gone:
                log.info("old rejects forgotten", rejects=gone, kept_days=KEPT_FOR.days)


def cursor_of(last: KeptReject) -> str:
    return f"{(last.at - EPOCH) // timedelta(microseconds=1)}-{last.id}"


def place_of(cursor: str | None) -> tuple[datetime | None, str | None]:
    """Where a page begins; CursorError where the cursor is none of ours."""
    if not cursor:
        return None, None
    micros, _, ident = cursor.partition("-")
    if not micros.isdecimal() or not ident or "\0" in ident:
        raise CursorError("after: this is no cursor of this list")
    try:
        return EPOCH + timedelta(microseconds=int(micros)), ident
    except (OverflowError, ValueError) as error:
        raise CursorError("after: this is no cursor of this list") from error
