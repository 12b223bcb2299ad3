"""Alarms: the list, one occurrence with its journal, and what people do with them."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from alerting import journal_read as journal
from alerting.occurrences import Occurrence
from dashboard_api import wire
from dashboard_api.access import Context, Sight, allowed, context, person_of
from dashboard_api.commands import carry_out, command_id, refused_as_problem
from dashboard_api.pages import MOST, USUAL, cursor, words_of
from dashboard_api.problems import Problem
from dashboard_api.routes.history import time_of
from line.messages import Command
from registry.database import Away, DatabaseError
from registry.people import Action, Person

router = APIRouter(tags=["alarms"])
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


class Comment(BaseModel):
    comment: str | None = Field(default=None, max_length=2_000)


class Shelve(BaseModel):
    until: str = Field(description="RFC 3339, or Unix milliseconds as text")
    reason: str = Field(max_length=2_000)
    one_shot: bool = False


class OutOfService(BaseModel):
    on: bool
    permit: str | None = Field(default=None, max_length=200)
    reason: str | None = Field(default=None, max_length=2_000)


class Suppress(BaseModel):
    on: bool | None = Field(description="null: unknown, which suppresses nothing")
    reason: str | None = Field(default=None, max_length=2_000)


@router.get("/alarms")
async def alarms(
    request: Request,
    person: Person = Depends(person_of),
    state: Annotated[str, Query(description="one or more states with commas between them")] = "",
    priority: Annotated[str, Query(description="one or more of 1, 2, 3, 4")] = "",
    source: str = "",
    enterprise: str = "",
    region: str = "",
    begin: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
    late: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Occurrences, newest raise first. `degraded` says so where the database cannot add older ones."""
    here = context(request)
    sight = Sight(person, here.feed, region=region, enterprise=enterprise, source=source)
    asked = journal.Question(
        states=_words(state),
        priorities=frozenset(int(one) for one in _words(priority) if one.isdecimal()),
        source=source,
        enterprises=sight.enterprises(),
        begin_ms=_ms("from", begin),
        end_ms=_ms("to", to),
        late=late,
        before=_place(after),
    )
    found = here.feed.book.occurrences(lambda one: _fits(one, asked, sight))
    known = {one.alarm_id for one in found}
    degraded = []
    if here.database is not None:
        try:
            kept = await journal.occurrences(here.database, asked, limit=limit + 1 + len(known))
            found += [_of_journal(row) for row in kept if _is_older(here, row, known)]
        except DatabaseError:
            degraded.append("database")
    found.sort(key=lambda one: (one.raised_at, one.alarm_id), reverse=True)
    chosen = found[:limit]
    more = cursor(f"{chosen[-1].raised_at} {chosen[-1].alarm_id}") if len(found) > limit else None
    answer: dict[str, Any] = {"items": [wire.occurrence(one) for one in chosen], "next": more}
    return {**answer, "degraded": degraded} if degraded else answer


@router.get("/alarms/{alarm_id}")
async def one_alarm(request: Request, alarm_id: str, person: Person = Depends(person_of)) -> dict[str, Any]:
    """One occurrence."""
    return wire.occurrence(await _occurrence(context(request), person, alarm_id))


@router.get("/alarms/{alarm_id}/events")
async def events(request: Request, alarm_id: str, person: Person = Depends(person_of)) -> dict[str, Any]:
    """The journal of one occurrence, oldest first."""
    here = context(request)
    await _occurrence(here, person, alarm_id)
    found = {seq: event for seq, event in here.feed.recent if event.alarm_id == alarm_id}
    if here.database is not None:
        with contextlib.suppress(DatabaseError):  # what is recent is in memory
            found = {**dict(await journal.events(here.database, alarm_id)), **found}
    return {"items": [{"seq": seq, **wire.event(found[seq])} for seq in sorted(found)], "next": None}


@router.post("/alarms/{alarm_id}/ack")
async def acknowledge(
    request: Request,
    alarm_id: str,
    body: Comment | None = None,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.ACKNOWLEDGE)),
) -> Response:
    """Somebody has seen this occurrence; 409 where it was raised again since, or nothing is to be acknowledged."""
    return await _on_occurrence(request, alarm_id, "ACK", body, key, person)


@router.post("/alarms/{alarm_id}/reset")
async def reset(
    request: Request,
    alarm_id: str,
    body: Comment | None = None,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.ACKNOWLEDGE)),
) -> Response:
    """Clears the latch of an alarm that has returned and was acknowledged."""
    return await _on_occurrence(request, alarm_id, "RESET", body, key, person)


@router.post("/alarms/{alarm_id}/comment")
async def comment(
    request: Request,
    alarm_id: str,
    body: Comment,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.ACKNOWLEDGE)),
) -> Response:
    """A remark in the journal."""
    if not body.comment:
        raise Problem(422, "comment: is empty")
    return await _on_occurrence(request, alarm_id, "COMMENT", body, key, person)


@router.post("/tags/{enterprise}/{tag}/alarms/{alarm}/shelve")
async def shelve(
    request: Request,
    enterprise: str,
    tag: str,
    alarm: str,
    body: Shelve,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.SHELVE)),
) -> Response:
    """Silent until a time, with a reason; `one_shot` ends with the occurrence."""
    until = _ms("until", body.until)
    asked = _command(context(request), "SHELVE", enterprise, tag, alarm, person)
    return await _on_alarm(request, asked, key, person, until=until, reason=body.reason, oneshot=body.one_shot)


@router.post("/tags/{enterprise}/{tag}/alarms/{alarm}/unshelve")
async def unshelve(
    request: Request,
    enterprise: str,
    tag: str,
    alarm: str,
    body: Comment | None = None,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.SHELVE)),
) -> Response:
    """Ends a shelving before its time."""
    asked = _command(context(request), "UNSHELVE", enterprise, tag, alarm, person)
    return await _on_alarm(request, asked, key, person, comment=body.comment if body else None)


@router.post("/tags/{enterprise}/{tag}/alarms/{alarm}/out-of-service")
async def out_of_service(
    request: Request,
    enterprise: str,
    tag: str,
    alarm: str,
    body: OutOfService,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.OUT_OF_SERVICE)),
) -> Response:
    """Silent by maintenance under a permit, or back in service."""
    asked = _command(context(request), "OOS", enterprise, tag, alarm, person)
    return await _on_alarm(request, asked, key, person, on=body.on, permit=body.permit, reason=body.reason)


@router.post("/tags/{enterprise}/{tag}/alarms/{alarm}/suppress")
async def suppress(
    request: Request,
    enterprise: str,
    tag: str,
    alarm: str,
    body: Suppress,
    key: IdempotencyKey = None,
    person: Person = Depends(allowed(Action.SUPPRESS)),
) -> Response:
    """Silent by plant logic, or not."""
    asked = _command(context(request), "SUPPRESS", enterprise, tag, alarm, person)
    return await _on_alarm(request, asked, key, person, on=body.on, reason=body.reason)


async def _on_occurrence(
    request: Request, alarm_id: str, cmd: str, body: Comment | None, key: str | None, person: Person
) -> Response:
    here = context(request)
    one = await _occurrence(here, person, alarm_id)
    asked = _command(here, cmd, one.enterprise, one.tag, one.alarm, person)
    apart = one.alarm_id if one.is_offline else None
    said = body.comment if body else None
    return await _on_alarm(request, asked, key, person, occ=one.occ, alarm_id=apart, comment=said)


async def _on_alarm(request: Request, command: Command, key: str | None, person: Person, **more: Any) -> Response:
    here = context(request)
    if not Sight(person, here.feed).has(command.enterprise):
        raise Problem(404, f"There is no tag {command.enterprise}/{command.tag}.")
    answer = await carry_out(here, msgspec.structs.replace(command, **more), person=person, key=key)
    refused_as_problem(answer)
    return JSONResponse(answer.body, status_code=answer.status)


def _command(here: Context, cmd: str, enterprise: str, tag: str, alarm: str, person: Person) -> Command:
    return Command(command_id(), cmd, enterprise, tag, alarm, person.name, here.clock.now_ms())


async def _occurrence(here: Context, person: Person, alarm_id: str) -> Occurrence:
    """The occurrence, if the person may see it; 404 for every other."""
    found = here.feed.book.occurrence(alarm_id)
    if found is None and here.database is not None:
        try:
            row = await journal.occurrence(here.database, alarm_id)
            found = _of_journal(row) if row is not None else None
        except Away as error:
            raise Problem(503, "It is not among the recent alarms, and the database is away.") from error
    if found is None or not Sight(person, here.feed).has(found.enterprise):
        raise Problem(404, f"There is no alarm {alarm_id}.")
    return found


def _fits(one: Occurrence, asked: journal.Question, sight: Sight) -> bool:
    return (
        sight.has(one.enterprise, one.source)
        and (not asked.states or one.state in asked.states)
        and (not asked.priorities or one.priority in asked.priorities)
        and (asked.begin_ms is None or one.raised_at >= asked.begin_ms)
        and (asked.end_ms is None or one.raised_at < asked.end_ms)
        and (asked.late is None or one.late is asked.late)
        and (asked.before is None or (one.raised_at, one.alarm_id) < asked.before)
    )


def _is_older(here: Context, row: Any, known: set[str]) -> bool:
    """What memory knows is newer than what the database knows."""
    return row.alarm_id not in known and here.feed.book.occurrence(row.alarm_id) is None


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def _ms(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    time_of(field, text)
    return wire.milliseconds(text)


def _place(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    raised_at, _, alarm_id = words_of(after).partition(" ")
    if not raised_at.lstrip("-").isdecimal():
        raise Problem(422, "after: this is no cursor that a list of ours gave")
    return int(raised_at), alarm_id


def _of_journal(row: journal.KeptOccurrence) -> Occurrence:
    """A row of the database as memory has it."""
    raised_at = journal.ms(row.raised_at)
    return Occurrence(
        alarm_id=row.alarm_id,
        enterprise=row.enterprise,
        source=row.source,
        tag=row.tag,
        alarm=row.alarm,
        priority=row.priority,
        state=row.state,
        since=journal.ms(row.since),
        raised_at=0 if raised_at is None else raised_at,
        epoch="",
        first_seq=row.last_seq,
        last_seq=row.last_seq,
        occ=row.occ,
        returned_at=journal.ms(row.returned_at),
        acked_at=journal.ms(row.acked_at),
        acked_by=row.acked_by,
        value=row.value,
        limit=row.limit_,
        unit=row.unit,
        received_at=journal.ms(row.received_at),
        emitted_at=journal.ms(row.emitted_at),
        annunciated=row.annunciated,
        late=row.late,
        exercise=row.exercise,
        unlogged=row.unlogged,
        comment=row.comment,
    )
