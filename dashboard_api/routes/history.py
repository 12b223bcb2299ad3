"""A tag's past, and what could not be used."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from dashboard_api import wire
from dashboard_api.access import Sight, allowed, context, person_of
from dashboard_api.pages import MOST, USUAL
from dashboard_api.problems import Problem
from dashboard_api.routes.site import tag_of
from ingest import history
from registry.database import Away, Database
from registry.people import Action, Person

router = APIRouter(tags=["history"])
MOST_POINTS = 20_000
SHOWN_BYTES = 4_096


@router.get("/tags/{enterprise}/{tag}/history")
async def tag_history(
    request: Request,
    enterprise: str,
    tag: str,
    begin: Annotated[str, Query(alias="from")],
    to: str,
    points: Annotated[int, Query(ge=1, le=MOST_POINTS)] = 1_000,
    person: Person = Depends(person_of),
) -> dict[str, Any]:
    """At most `points` rows between two times (RFC 3339 or Unix milliseconds); extremes are never lost."""
    here = context(request)
    found = tag_of(here.feed, person, enterprise, tag)
    span = (time_of("from", begin), time_of("to", to))
    if span[0] >= span[1]:
        raise Problem(422, "to: must be later than from")
    past = await history.history(database_of(here.database), found.id, *span, points)
    rows = [
        {
            "t": wire.moment_of(one.t),
            "min": one.min,
            "max": one.max,
            "mean": one.mean,
            "last": one.last,
            "n": one.n,
            "quality": one.quality,
        }
        for one in past.rows
    ]
    return {"resolution": "raw" if past.width_s is None else past.width_s, "rows": rows}


@router.get("/rejects")
async def rejects(
    request: Request,
    person: Person = Depends(allowed(Action.SEE_REJECTS)),
    enterprise: str = "",
    reason: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """What could not be used, newest first, with the first 4 KiB of its payload."""
    here = context(request)
    enterprises = Sight(person, here.feed, enterprise=enterprise).enterprises()
    try:
        kept, cursor = await history.rejects(
            database_of(here.database), limit=limit, after=after, enterprises=enterprises, reason=reason
        )
    except history.CursorError as error:
        raise Problem(422, str(error)) from error
    return {"items": [_reject(one) for one in kept], "next": cursor}


def time_of(field: str, text: str) -> datetime:
    """A time that the caller gave; 422 where it is none."""
    try:
        return wire.EPOCH + timedelta(milliseconds=wire.milliseconds(text))
    except (ValueError, OverflowError) as error:
        raise Problem(422, f"{field}: {text[:40]!r} is no time; use RFC 3339 or Unix milliseconds") from error


def database_of(database: Database | None) -> Database:
    if database is None:
        raise Away("no database is set")
    return database


def _reject(one: history.KeptReject) -> dict[str, Any]:
    head = one.payload[:SHOWN_BYTES]
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
    }
