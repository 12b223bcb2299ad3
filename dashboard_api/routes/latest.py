"""The newest values of a whole source, or of all sources, in one call."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from dashboard_api import wire
from dashboard_api.access import Sight, context, person_of
from dashboard_api.latest import lines
from dashboard_api.problems import Problem
from registry.people import Person

router = APIRouter(tags=["history"])


@router.get("/sources/{enterprise}/{source}/latest")
async def latest_of_source(
    request: Request, enterprise: str, source: str, person: Person = Depends(person_of)
) -> dict[str, Any]:
    """Each tag's newest reading with its age in seconds, null where there never was one.

    `complete` is false while the database cannot be asked for what is not in memory.
    """
    here = context(request)
    name = f"{enterprise}/{source}"
    if name not in here.feed.site.sources or not Sight(person, here.feed).has(enterprise):
        raise Problem(404, f"There is no source {name}.")
    tags, points = here.feed.values.tags_of(name)
    complete = await here.latest.complete(here.feed.values, points, here.database)
    now_ms = here.clock.now_ms()
    found = {}
    for tag, point in zip(tags, points.tolist(), strict=True):
        live = here.feed.values.live(point)
        found[tag] = {**(wire.live(live) or {}), "age_s": (now_ms - live.t) / 1000} if live else None
    return {"source": name, "server_time": wire.moment(now_ms), "complete": complete, "values": found}


@router.get("/latest")
async def latest_of_all(
    request: Request,
    person: Person = Depends(person_of),
    region: str = "",
    enterprise: str = "",
    source: str = "",
) -> StreamingResponse:
    """Every source that the person sees, a JSON line each: `{"source", "complete", "values"}` as in a readings frame.

    `values` is {tag: [value, quality, t]} of those tags that ever had one.
    """
    here = context(request)
    sight = Sight(person, here.feed, region=region, enterprise=enterprise, source=source)
    seen = [name for name, one in here.feed.site.sources.items() if sight.has(one.enterprise, one.code)]
    said = lines(here.feed.values, seen, here.latest, here.database)
    return StreamingResponse(said, media_type="application/x-ndjson")
