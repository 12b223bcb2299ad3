"""What could not be used: browsed, counted, and tried again once its cause is mended."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from dashboard_api import wire
from dashboard_api.access import Sight, allowed, context
from dashboard_api.pages import MOST, USUAL
from dashboard_api.problems import Problem
from dashboard_api.routes.history import database_of, time_of
from ingest import rejects
from ingest.rejects import Choice, KeptReject, Period
from ingest.replaying import BusyError, replay
from line.log import LineError
from registry.people import Action, Person

router = APIRouter(tags=["rejects"])
SHOWN_BYTES = 4_096
MOST_REPLAYED = 2_000  # of one call: a few seconds
Begin = Annotated[str, Query(alias="from", description="Arrived at this time or later.")]
Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


class Asked(BaseModel):
    """Which rejects to try again; what is left empty does not narrow."""

    enterprise: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    gateway: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    tag: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    reason: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    begin: str = Field("", alias="from", description="arrived at this time or later")
    to: str = Field("", description="the first arrival that is left out")
    after: str | None = Field(None, description="`next` of the call before")


class Replayed(BaseModel):
    """`settled` rejects are put right; `refused` says of the others why, and how many."""

    rejects: int
    settled: int
    readings: int
    refused: dict[str, int]
    next: str | None


@router.get("/rejects")
async def browse(
    request: Request,
    person: Person = Depends(allowed(Action.SEE_REJECTS)),
    enterprise: Text = "",
    gateway: Text = "",
    tag: Text = "",
    reason: Text = "",
    begin: Begin = "",
    to: str = "",
    settled: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Newest first, each with the first 4 KiB of its payload; `settled`: whether a replay has put it right."""
    here = context(request)
    choice = _choice(request, person, enterprise, gateway=gateway, tag=tag, reason=reason, begin=begin, to=to)
    try:
        kept, cursor = await rejects.page(database_of(here.database), choice, limit=limit, after=after, settled=settled)
    except rejects.CursorError as error:
        raise Problem(422, str(error)) from error
    return {"items": [_shown(one, SHOWN_BYTES) for one in kept], "next": cursor}


@router.get("/rejects/counts")
async def count(
    request: Request,
    begin: Begin,
    to: str,
    person: Person = Depends(allowed(Action.SEE_REJECTS)),
    enterprise: Text = "",
    gateway: Text = "",
    tag: Text = "",
    reason: Text = "",
    period: Period = "day",
) -> dict[str, Any]:
    """How many in each hour, day or month (UTC), by reason and gateway; newest first."""
    here = context(request)
    choice = _choice(request, person, enterprise, gateway=gateway, tag=tag, reason=reason, begin=begin, to=to)
    found = await rejects.counts(database_of(here.database), choice, period)
    items = [
        {
            "t": wire.moment_of(one.t),
            "reason": one.reason,
            "enterprise": one.enterprise,
            "gateway": one.gateway,
            "n": one.n,
            "settled": one.settled,
            "newest": wire.moment_of(one.newest),
        }
        for one in found
    ]
    return {"period": period, "items": items, "complete": len(items) < rejects.MOST_COUNTS}


@router.get("/rejects/{identity}")
async def one_reject(
    request: Request, identity: str, person: Person = Depends(allowed(Action.SEE_REJECTS))
) -> dict[str, Any]:
    """One, with all of its payload that is kept (64 KiB at most)."""
    here = context(request)
    found = None
    if "\0" not in identity:
        found = await rejects.one(database_of(here.database), identity, Sight(person, here.feed).enterprises())
    if found is None:
        raise Problem(404, f"There is no reject {identity}.")
    return _shown(found, len(found.payload))


@router.post("/rejects/replay")
async def replay_rejects(
    request: Request, body: Asked, person: Person = Depends(allowed(Action.REPLAY_REJECTS))
) -> Replayed:
    """Puts what was refused through the same checks once more, oldest first, at most 2,000 a call: late readings."""
    here = context(request)
    choice = _choice(
        request, person, body.enterprise, gateway=body.gateway, tag=body.tag, reason=body.reason, begin=body.begin,
        to=body.to,
    )  # fmt: skip
    try:
        done = await replay(
            here.line,
            database_of(here.database),
            choice,
            by=person.name,
            now_ms=here.clock.now_ms,
            most=MOST_REPLAYED,
            after=body.after,
        )
    except rejects.CursorError as error:
        raise Problem(422, str(error)) from error
    except BusyError as error:
        raise Problem(409, f"{error}.") from error
    except LineError as error:
        raise Problem(503, f"Not all could be put on the line: {error}. Ask again; nothing is doubled.") from error
    return Replayed(
        rejects=done.rejects, settled=done.settled, readings=done.readings, refused=dict(done.refused), next=done.next
    )


def _choice(
    request: Request,
    person: Person,
    enterprise: str,
    *,
    gateway: str,
    tag: str,
    reason: str,
    begin: str,
    to: str,
) -> Choice:
    span = {
        name: time_of(field, text) if text else None
        for name, field, text in (("begin", "from", begin), ("end", "to", to))
    }
    if span["begin"] and span["end"] and span["begin"] >= span["end"]:
        raise Problem(422, "to: must be later than from")
    seen = Sight(person, context(request).feed, enterprise=enterprise).enterprises()
    if enterprise and person.is_unscoped:
        seen = frozenset({enterprise})  # also one that the site does not know: its rejects are the question
    return Choice.of(seen, gateway=gateway, tag=tag, reason=reason, **span)


def _shown(one: KeptReject, most_bytes: int) -> dict[str, Any]:
    head = one.payload[:most_bytes]
    try:
        text: str | None = head.decode()
    except UnicodeDecodeError:
        text = None
    return {
        "id": one.id,
        "at": wire.moment_of(one.at),
        "reason": one.reason,
        "detail": one.detail,
        "topic": one.topic,
        "enterprise": one.enterprise,
        "gateway": one.gateway,
        "tag": one.tag,
        "payload": text,
        "payload_base64": None if text is not None else base64.b64encode(head).decode(),
        "size": one.size,
        "sha256": one.sha256,
        "settled": one.settled,
        "replayed_at": wire.moment_of(one.replayed_at),
        "replayed_by": one.replayed_by,
        "outcome": one.outcome,
    }
