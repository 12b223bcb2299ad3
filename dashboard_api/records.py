"""A question about a period to the record of its alarm events: the journal's, and from memory what is not there yet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from alerting import record_read
from alerting.events import Ev, Event, State, event_seq
from alerting.figures import LOOK_BACK_MS
from alerting.record import STANDING, Piece, pieces
from dashboard_api.access import Context, Sight
from registry.database import DatabaseError

log = structlog.get_logger()
FIRST = event_seq(1, 0)  # the number of the first event that a line can have
BEFORE, NEWEST = -1, 1 << 30  # what is in memory, among the logs of the journal


@dataclass(frozen=True, slots=True)
class Found:
    """Pieces of a record. `degraded` names what did not answer; before `known_from` (Unix ms) nothing is known."""

    pieces: list[Piece]
    degraded: list[str]
    known_from: int | None = None


async def find(here: Context, sight: Sight, source: str, begin: int, end: int) -> Found:
    """The events that figures of `begin` until before `end` need; TooMany where that is too long."""
    kept = None
    while here.database is not None:
        epoch = here.feed.epoch
        asked = record_read.Question(begin - LOOK_BACK_MS, end, epoch, sight.enterprises(), source)
        try:
            kept = await record_read.kept(here.database, asked)
        except DatabaseError as error:
            log.info("figures without the database", error=str(error))
            return await _from_memory(here, sight, (begin, end), degraded=["database"])
        if here.feed.epoch == epoch:
            break
    if kept is None:
        return await _from_memory(here, sight, (begin, end), degraded=[])
    degraded = ["journal"] if here.feed.oldest_known >= kept.below else []  # it is behind by more than memory holds
    recent = _recent(here, sight, kept.below)
    return Found([*kept.pieces, *await asyncio.to_thread(pieces, recent, log=NEWEST)], degraded)


async def _from_memory(here: Context, sight: Sight, period: tuple[int, int], degraded: list[str]) -> Found:
    """Without a journal: what memory holds, and what stands since before."""
    recent = _recent(here, sight, 0)
    known_from = None
    if here.feed.oldest_known >= FIRST:  # the line, or memory, has forgotten the first
        oldest = _heard(here.feed.recent[0][1]) if here.feed.recent else period[1]
        known_from = oldest if oldest > period[0] else None
    if known_from is not None:
        degraded = ["database"]
    raised = {event.alarm_id for _, event in recent if event.ev is Ev.ACTIVE}
    standing = pieces(_standing(here, sight, raised), log=BEFORE)
    return Found([*standing, *await asyncio.to_thread(pieces, recent, log=NEWEST)], degraded, known_from)


def _heard(event: Event) -> int:
    return event.t if event.emitted_at is None else event.emitted_at


def _recent(here: Context, sight: Sight, begin: int) -> list[tuple[int, Event]]:
    """From the number `begin` on, the oldest first."""
    found: list[tuple[int, Event]] = []
    for seq, event in reversed(here.feed.recent):
        if seq < begin:
            break
        if sight.has(event.enterprise, event.source):
            found.append((seq, event))
    found.reverse()
    return found


def _standing(here: Context, sight: Sight, raised: set[str | None]) -> list[tuple[int, Event]]:
    """What is active and visible now, and was raised before memory began."""
    return [
        (
            one.first_seq,
            Event(
                t=one.raised_at,
                emitted_at=one.emitted_at,
                ev=Ev.ACTIVE,
                state=State(one.state),
                enterprise=one.enterprise,
                source=one.source,
                tag=one.tag,
                alarm=one.alarm,
                priority=one.priority,
                exercise=one.exercise,
            ),
        )
        for one in here.feed.book.occurrences(
            lambda one: (
                one.state in STANDING
                and one.alarm_id not in raised
                and not one.is_offline
                and sight.has(one.enterprise, one.source)
            )
        )
    ]
