"""Backtests: changed settings tried on stored readings, and what would have rung."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from alerting.backtest_job import Job
from dashboard_api import comparison, wire
from dashboard_api.access import Sight, allowed, context
from dashboard_api.backtests import Backtest, TooManyError
from dashboard_api.pages import MOST, USUAL, page
from dashboard_api.problems import Problem
from dashboard_api.routes.history import time_of
from dashboard_api.routes.site import tag_of
from registry import store
from registry.alarms import Plan
from registry.faults import SiteFaults
from registry.people import Action, Person
from registry.plan import compile_part
from registry.site import Site
from registry.store import TagChange

router = APIRouter(tags=["backtests"])
MOST_TAGS = 500
LONGEST_MS = 400 * 86_400_000


class Asked(BaseModel):
    """Which settings to try, on the stored readings of which time."""

    begin: str = Field(alias="from", description="RFC 3339, or Unix milliseconds as text")
    to: str = Field(description="the first time that is left out; now at the latest")
    enterprise: str = Field("", description="of all changes that name none")
    changes: list[comparison.Change] = Field(min_length=1, max_length=MOST_TAGS)


@router.post("/backtests", status_code=202)
async def ask(
    request: Request, body: Asked, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> comparison.Begun:
    """Takes one on: its id, under which it is to be asked for. They run one at a time. Nothing that is live is touched.

    Read are the readings of the changed tags, and of the inputs of rules that have one of these tags as an input.
    """
    here = context(request)
    begin, end = _period(body, here.clock.now_ms())
    if here.database is None:
        raise Problem(503, "There is no database, and so no history to try settings on.")
    changes = [TagChange(one.enterprise or body.enterprise, one.tag, one.cells()) for one in body.changes]
    for change in changes:
        tag_of(here.feed, person, change.enterprise, change.tag)
        if not change.cells:
            raise Problem(422, f"changes: {change.enterprise}/{change.tag} has none")
    site = await store.current(here.line)
    try:
        before, after = await asyncio.to_thread(_plans, site, changes)  # seconds, for a country
    except store.UnknownTag as error:
        raise Problem(404, str(error)) from error
    except SiteFaults as error:
        raise Problem(422, str(error), errors=[str(fault) for fault in error.faults]) from error
    try:
        one = here.backtests.ask(
            Job(here.database.url, before, after, begin, end),
            [{"enterprise": change.enterprise, "tag": change.tag, **change.cells} for change in changes],
            enterprises=frozenset(change.enterprise for change in changes),
            by=person.name,
            now_ms=here.clock.now_ms(),
        )
    except TooManyError as error:
        raise Problem(429, f"{error}; ask again later.") from error
    return comparison.Begun(id=one.id, state=one.state)


@router.get("/backtests")
async def backtests(
    request: Request,
    person: Person = Depends(allowed(Action.CHANGE_LIMITS)),
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> comparison.Page:
    """Those of this person's enterprises, newest first, without their results. An api that restarts forgets them."""
    here = context(request)
    sight = Sight(person, here.feed)
    seen = sorted((one for one in here.backtests.all() if _may_see(sight, one)), key=_key)
    found = page(seen, key=_key, show=lambda one: {"shown": comparison.progress(one)}, limit=limit, after=after)
    return comparison.Page(items=[item["shown"] for item in found["items"]], next=found["next"])


@router.get("/backtests/{identity}")
async def backtest(
    request: Request, identity: str, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> comparison.Whole:
    """How far it is, and the result when it is done."""
    return comparison.whole(_found(request, identity, person))


@router.delete("/backtests/{identity}")
async def cancel(
    request: Request, identity: str, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> comparison.Progress:
    """Ends it; one that is over stays as it is."""
    one = _found(request, identity, person)
    context(request).backtests.cancel(one)
    return comparison.progress(one)


def _period(body: Asked, now_ms: int) -> tuple[int, int]:
    """In Unix milliseconds; ends now at the latest."""
    times = (("from", body.begin), ("to", body.to))
    begin, end = ((time_of(name, text) - wire.EPOCH) // timedelta(milliseconds=1) for name, text in times)
    if not begin < end:
        raise Problem(422, "to: must be later than from")
    if begin >= now_ms:
        raise Problem(422, "from: must be earlier than now")
    end = min(end, now_ms)
    if end - begin > LONGEST_MS:
        raise Problem(422, "from: at most 400 days at a time")
    return begin, end


def _plans(site: Site, changes: list[TagChange]) -> tuple[Plan, Plan]:
    """The settings in force and the changed ones, of what the changes touch."""
    tags = {f"{change.enterprise}/{change.tag}" for change in changes}
    return compile_part(site, tags), compile_part(store.changed_tags(site, changes), tags)


def _found(request: Request, identity: str, person: Person) -> Backtest:
    here = context(request)
    one = here.backtests.get(identity)
    if one is None or not _may_see(Sight(person, here.feed), one):
        raise Problem(404, f"There is no backtest {identity}; those from before the api was started are forgotten.")
    return one


def _may_see(sight: Sight, one: Backtest) -> bool:
    return all(sight.has(enterprise) for enterprise in one.enterprises)


def _key(one: Backtest) -> str:
    return f"{10**14 - one.asked_at:015} {one.id}"
