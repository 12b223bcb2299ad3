"""A tag's past."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from dashboard_api import wire
from dashboard_api.access import context, person_of
from dashboard_api.problems import Problem
from dashboard_api.routes.site import tag_of
from ingest import history
from registry.database import Away, Database
from registry.people import Person

router = APIRouter(tags=["history"])
MOST_POINTS = 20_000


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
