"""Backtests: changed settings tried on stored readings, and what would have rung."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from alerting.backtest import Comparison, Span, part_of
from alerting.backtest_job import Job
from dashboard_api import wire
from dashboard_api.access import Sight, allowed, context
from dashboard_api.backtests import Backtest, TooManyError
from dashboard_api.pages import MOST, USUAL, page
from dashboard_api.problems import Problem
from dashboard_api.routes.history import time_of
from dashboard_api.routes.site import tag_of
from registry import store
from registry.faults import SiteFaults
from registry.people import Action, Person
from registry.plan import compile_plan

router = APIRouter(tags=["backtests"])
MOST_TAGS = 500
LONGEST_MS = 400 * 86_400_000


class Change(BaseModel):
    """New columns of one tag, as `PATCH /tags/{enterprise}/{tag}` takes them; null empties a cell."""

    tag: str = Field(description="the tag's code", max_length=64)
    columns: dict[str, Any] = Field(description='such as {"h": 12.5, "on_delay_s": 30}')


class Asked(BaseModel):
    """Which settings to try, on whose readings, of which time."""

    begin: str = Field(alias="from", description="RFC 3339, or Unix milliseconds as text")
    to: str = Field(description="the first time that is left out")
    enterprise: str
    changes: list[Change] = Field(min_length=1, max_length=MOST_TAGS)


@router.post("/backtests", status_code=202)
async def ask(request: Request, body: Asked, person: Person = Depends(allowed(Action.CHANGE_LIMITS))) -> Response:
    """Begins one: 202 with its id, under which it is to be asked for. Nothing that is live is touched."""
    here = context(request)
    begin, end = (_ms(name, text) for name, text in (("from", body.begin), ("to", body.to)))
    if not begin < end:
        raise Problem(422, "to: must be later than from")
    if end - begin > LONGEST_MS:
        raise Problem(422, "from: at most 400 days at a time")
    if here.database is None:
        raise Problem(503, "There is no database, and so no history to try settings on.")
    site = await store.current(here.line)
    changed = site
    for change in body.changes:
        tag_of(here.feed, person, body.enterprise, change.tag)
        try:
            changed = store.changed(changed, body.enterprise, change.tag, change.columns).site
        except store.UnknownTag as error:
            raise Problem(404, str(error)) from error
        except SiteFaults as error:
            raise Problem(422, str(error), errors=[str(fault) for fault in error.faults]) from error
    tags = {(body.enterprise, change.tag) for change in body.changes}
    before, after = (part_of(compile_plan(one), tags) for one in (site, changed))
    job = Job(here.database.url, before, after, begin, end)
    shown = [change.model_dump() for change in body.changes]
    try:
        one = here.backtests.ask(job, shown, enterprise=body.enterprise, by=person.name, now_ms=here.clock.now_ms())
    except TooManyError as error:
        raise Problem(429, "Ten backtests are waiting already; ask again later.") from error
    return JSONResponse({"id": one.id, "state": one.state}, status_code=202)


@router.get("/backtests")
async def backtests(
    request: Request,
    person: Person = Depends(allowed(Action.CHANGE_LIMITS)),
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Those of this person's enterprises, newest first, without their results. An api that restarts forgets them."""
    here = context(request)
    sight = Sight(person, here.feed)
    seen = sorted((one for one in here.backtests.all() if sight.has(one.enterprise)), key=_key)
    return page(seen, key=_key, show=lambda one: _shown(one, whole=False), limit=limit, after=after)


@router.get("/backtests/{identity}")
async def backtest(
    request: Request, identity: str, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> dict[str, Any]:
    """How far it is, and the result when it is done."""
    return _shown(_found(request, identity, person), whole=True)


@router.delete("/backtests/{identity}")
async def cancel(
    request: Request, identity: str, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> dict[str, Any]:
    """Ends it; one that is over stays as it is."""
    one = _found(request, identity, person)
    context(request).backtests.cancel(one)
    return _shown(one, whole=False)


def _ms(name: str, text: str) -> int:
    return (time_of(name, text) - wire.EPOCH) // timedelta(milliseconds=1)


def _found(request: Request, identity: str, person: Person) -> Backtest:
    here = context(request)
    one = here.backtests.get(identity)
    if one is None or not Sight(person, here.feed).has(one.enterprise):
        raise Problem(404, f"There is no backtest {identity}; those from before the api was started are forgotten.")
    return one


def _key(one: Backtest) -> str:
    return f"{10**14 - one.asked_at:015} {one.id}"


def _shown(one: Backtest, *, whole: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": one.id, "state": one.state, "enterprise": one.enterprise, "by": one.by,
        "asked_at": wire.moment(one.asked_at), "from": wire.moment(one.job.begin), "to": wire.moment(one.job.end),
        "changes": one.changes, "done": round(one.done, 4), "readings": one.readings,
        "remaining_s": None if one.remaining_s is None else round(one.remaining_s, 1), "error": one.error,
    }  # fmt: skip
    if whole:
        shown["result"] = None if one.result is None else _result(one.result)
    return shown


def _result(result: Comparison) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(result)
    shown["from"], shown["to"] = wire.moment(shown.pop("begin")), wire.moment(shown.pop("end"))
    for name in ("only_before", "only_after"):
        shown[name] = [_span(span) for span in getattr(result, name)]
    return shown


def _span(span: Span) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(span)
    shown["raised_at"] = wire.moment(span.raised_at)
    shown["returned_at"] = None if span.returned_at is None else wire.moment(span.returned_at)
    return shown
