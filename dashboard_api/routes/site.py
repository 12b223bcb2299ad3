"""What exists, with its live state; imports, exports and changes of limits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from alerting.events import State
from dashboard_api import wire
from dashboard_api.access import Sight, allowed, context, person_of
from dashboard_api.live.feed import Feed
from dashboard_api.pages import MOST, USUAL, page
from dashboard_api.problems import Problem, answer
from registry import store
from registry.csvfiles import read_zip
from registry.faults import SiteFaults
from registry.merge import export_zip
from registry.people import Action, Person
from registry.presets import Taken, resolved
from registry.site import Gateway, Source, Tag

router = APIRouter(tags=["site"])
Limit = Annotated[int, Query(ge=1, le=MOST)]
MOST_IMPORT_BYTES = 256 << 20
MOST_WARNINGS = 1_000
UNACKNOWLEDGED = frozenset({State.UNACK, State.RTNUN, State.LATUN})
ACTIVE = frozenset({State.UNACK, State.ACKED})
HIDDEN = frozenset({State.SHLVD, State.DSUPR, State.OOSRV})


@router.get("/regions")
async def regions(
    request: Request, person: Person = Depends(person_of), limit: Limit = USUAL, after: str | None = None
) -> dict[str, Any]:
    """All regions; what lies in them is narrowed by scope."""
    found = sorted(context(request).feed.site.regions.values(), key=lambda one: one.code)
    return page(found, key=lambda one: one.code, show=_rows, limit=limit, after=after)


@router.get("/enterprises")
async def enterprises(
    request: Request,
    person: Person = Depends(person_of),
    region: str = "",
    limit: Limit = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Enterprises with the worst of their alarms."""
    feed = context(request).feed
    sight = Sight(person, feed, region=region)
    states = _states(feed)
    found = sorted((one for one in feed.site.enterprises.values() if sight.has(one.code)), key=lambda one: one.code)

    def show(one: Any) -> dict[str, Any]:
        return {**_rows(one), "state": _worst(state for (code, _), state in states.items() if code == one.code)}

    return page(found, key=lambda one: one.code, show=show, limit=limit, after=after)


@router.get("/sources")
async def sources(
    request: Request,
    person: Person = Depends(person_of),
    region: str = "",
    enterprise: str = "",
    limit: Limit = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Hazard sources with the worst of their alarms."""
    feed = context(request).feed
    sight = Sight(person, feed, region=region, enterprise=enterprise)
    states = _states(feed)

    def show(one: Source) -> dict[str, Any]:
        owner = feed.site.enterprises[one.enterprise]
        more = {"region": owner.region, "enterprise_name": owner.name, "exercise": owner.exercise}
        return {**_rows(one), **more, "state": states.get((one.enterprise, one.code), _worst([]))}

    found = sorted((one for one in feed.site.sources.values() if sight.has(one.enterprise)), key=_source_key)
    return page(found, key=_source_key, show=show, limit=limit, after=after)


@router.get("/gateways")
async def gateways(
    request: Request,
    person: Person = Depends(person_of),
    region: str = "",
    enterprise: str = "",
    limit: Limit = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Gateways, and whether they are online."""
    feed = context(request).feed
    sight = Sight(person, feed, region=region, enterprise=enterprise)

    def show(one: Gateway) -> dict[str, Any]:
        return {**_rows(one), "online": feed.is_online(one.enterprise, one.code)}

    found = sorted((one for one in feed.site.gateways.values() if sight.has(one.enterprise)), key=_gateway_key)
    return page(found, key=_gateway_key, show=show, limit=limit, after=after)


@router.get("/tags")
async def tags(
    request: Request,
    person: Person = Depends(person_of),
    region: str = "",
    enterprise: str = "",
    source: str = "",
    limit: Limit = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Tags with the limits in force, presets included, their newest reading and the states of their alarms."""
    feed = context(request).feed
    sight = Sight(person, feed, region=region, enterprise=enterprise, source=source)
    found = [one for one in feed.site.tags.values() if sight.has(one.enterprise, one.source)]
    return page(sorted(found, key=_tag_key), key=_tag_key, show=lambda one: _tag(feed, one), limit=limit, after=after)


@router.get("/rules")
async def rules(
    request: Request,
    person: Person = Depends(person_of),
    enterprise: str = "",
    source: str = "",
    limit: Limit = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """Rules with the states of their alarms."""
    feed = context(request).feed
    sight = Sight(person, feed, enterprise=enterprise, source=source)

    def show(one: Any) -> dict[str, Any]:
        return {**_rows(one), "alarms": feed.book.states(one.enterprise, one.rule, [one.type])}

    found = [one for one in feed.site.rules.values() if sight.has(one.enterprise, one.source)]
    found.sort(key=lambda one: f"{one.enterprise}/{one.rule}")
    return page(found, key=lambda one: f"{one.enterprise}/{one.rule}", show=show, limit=limit, after=after)


@router.get("/tags/{enterprise}/{tag}")
async def one_tag(request: Request, enterprise: str, tag: str, person: Person = Depends(person_of)) -> dict[str, Any]:
    """One tag."""
    return _tag(context(request).feed, tag_of(context(request).feed, person, enterprise, tag))


@router.patch("/tags/{enterprise}/{tag}")
async def change_tag(
    request: Request, enterprise: str, tag: str, person: Person = Depends(allowed(Action.CHANGE_LIMITS))
) -> Response:
    """New limits and other columns of tags.csv as one version; `reason` says why, null empties a cell."""
    here = context(request)
    tag_of(here.feed, person, enterprise, tag)
    try:
        changes = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Problem(422, f"the body is no JSON: {error}") from error
    if not isinstance(changes, dict):
        raise Problem(422, 'the body must be an object such as {"h": 11.5, "reason": "..."}')
    reason = changes.pop("reason", None)
    if not isinstance(reason, str) or not reason.strip():
        raise Problem(422, "reason: a change of limits needs one")
    try:
        done = await store.change_tag(
            here.line, enterprise, tag, changes, reason=reason, by=person.name, now_ms=here.clock.now_ms
        )
    except store.UnknownTag as error:
        raise Problem(404, str(error)) from error
    except SiteFaults as error:
        raise Problem(422, str(error), errors=[str(fault) for fault in error.faults]) from error
    return _published(done)


@router.post("/site/import")
async def import_site(
    request: Request, prune: bool = False, person: Person = Depends(allowed(Action.IMPORT_SITE))
) -> Response:
    """The CSV folder as a zip (`application/zip`): 200 with counts and the version, 202, or 422 with every fault."""
    here = context(request)
    body = await _body(request)
    try:
        files = read_zip(body)
        done = await store.import_files(here.line, files, by=person.name, now_ms=here.clock.now_ms, prune=prune)
    except SiteFaults as error:
        faults = [str(fault) for fault in error.faults]
        return answer(422, f"{len(faults)} faults; nothing was changed", errors=faults)
    return _published(done)


@router.get("/site/export")
async def export_site(request: Request, _: Person = Depends(allowed(Action.EXPORT_SITE))) -> Response:
    """The site in force as a zip of CSV files."""
    site = await store.current(context(request).line)
    name = {"Content-Disposition": f'attachment; filename="site-v{site.version}.zip"'}
    return Response(export_zip(site), media_type="application/zip", headers=name)


def tag_of(feed: Feed, person: Person, enterprise: str, tag: str) -> Tag:
    """A tag that the person sees; 404 for every other."""
    found = feed.site.tags.get(f"{enterprise}/{tag}")
    if found is None or not Sight(person, feed).has(enterprise):
        raise Problem(404, f"There is no tag {enterprise}/{tag}.")
    return found


async def _body(request: Request) -> bytes:
    """The zip, sent as the body itself or as the file of a form."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form(max_files=1)
        upload = next((part for part in form.values() if not isinstance(part, str)), None)
        if upload is None:
            raise Problem(422, "the form has no file")
        return await upload.read()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_IMPORT_BYTES:
            raise Problem(413, f"a site has at most {MOST_IMPORT_BYTES >> 20} MB")
    return bytes(body)


def _published(done: store.Published) -> Response:
    body = {
        "version": done.version,
        "counts": msgspec.to_builtins(done.counts),
        "waiting": list(done.waiting),
        "warnings": [str(warning) for warning in done.warnings[:MOST_WARNINGS]],
    }
    return JSONResponse(body, status_code=202 if done.waiting else 200)


def _rows(one: Any) -> dict[str, Any]:
    """A row of the site with every column."""
    return {name: getattr(one, name) for name in one.__struct_fields__ if name not in ("id", "overrides")}


def _tag(feed: Feed, one: Tag) -> dict[str, Any]:
    one, taken = resolved(feed.site, one)
    overrides = {level: msgspec.to_builtins(override) for level, override in one.overrides.items()}
    levels = [level for level in ("HH", "H", "L", "LL") if getattr(one, level.lower()) is not None]
    return {
        **_rows(one),
        "overrides": overrides,
        "template": _taken(taken),
        "live": wire.live(feed.values.live(one.id)),
        "alarms": feed.book.states(one.enterprise, one.tag, levels),
    }


def _taken(taken: Taken | None) -> dict[str, Any] | None:
    """Which of the cells above are presets of the source's template, and of which of its rows."""
    if taken is None or not taken.columns:
        return None
    return {"template": taken.template, "row": taken.row, "columns": list(taken.columns)}


def _states(feed: Feed) -> dict[tuple[str, str], dict[str, Any]]:
    """By source: the worst priority of what shows, how many are not acknowledged, and how many are active."""
    found: dict[tuple[str, str], list[tuple[State, int]]] = {}
    for _, event in feed.book.standing():
        state = event.state or State.NORM
        if state not in HIDDEN:
            found.setdefault((event.enterprise, event.source), []).append((state, event.priority or 4))
    return {
        key: {
            "worst_priority": min(priority for _, priority in alarms),
            "unacknowledged": sum(state in UNACKNOWLEDGED for state, _ in alarms),
            "active": sum(state in ACTIVE for state, _ in alarms),
        }
        for key, alarms in found.items()
    }


def _worst(states: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found = list(states)
    return {
        "worst_priority": min((state["worst_priority"] for state in found), default=None),
        "unacknowledged": sum(state["unacknowledged"] for state in found),
        "active": sum(state["active"] for state in found),
    }


def _source_key(one: Source) -> str:
    return f"{one.enterprise}/{one.code}"


def _gateway_key(one: Gateway) -> str:
    return f"{one.enterprise}/{one.code}"


def _tag_key(one: Tag) -> str:
    return f"{one.enterprise}/{one.source}/{one.tag}"
