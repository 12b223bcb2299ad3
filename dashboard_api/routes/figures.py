"""Figures of merit: how many alarms people were given, and which of them wore them out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from alerting import figures
from alerting.record import Piece, Record, of_pieces
from alerting.record_read import TooMany
from dashboard_api import merit, records, wire
from dashboard_api.access import Sight, context, person_of
from dashboard_api.pages import MOST, USUAL
from dashboard_api.parts import By, Place, parts
from dashboard_api.problems import Problem
from dashboard_api.routes.history import time_of
from registry.people import Person
from registry.site import Site

router = APIRouter(tags=["alarms"])

USUAL_MS = 86_400_000  # up to now, where no period is given
LONGEST_MS = 92 * 86_400_000  # a quarter
SHORTEST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which rows are asked for: `seen` are the sources of the site that the person sees, `below` regions above all."""

    site: Site
    by: By
    seen: frozenset[Place]
    below: tuple[str, ...]
    limit: int


@router.get("/alarm-metrics")
async def alarm_metrics(
    request: Request,
    person: Person = Depends(person_of),
    begin: Annotated[
        str | None, Query(alias="from", description="RFC 3339 or Unix milliseconds; otherwise 24 h before `to`")
    ] = None,
    to: Annotated[str | None, Query(description="the same; otherwise, and where it lies in the future, now")] = None,
    region: Annotated[str, Query(description="with all below")] = "",
    enterprise: str = "",
    source: Annotated[str, Query(description="enterprise/source")] = "",
    by: Annotated[By | None, Query(description="compare: one row of each, the most annunciations first")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="rows at most")] = USUAL,
) -> merit.Metrics:
    """The figures of merit of ISA-18.2, IEC 62682 and EEMUA 191 with their targets and the alarms behind them.

    Live without `from` and `to`: the last 24 h. A period is at least a minute and at most 92 days. What is not yet in
    the database comes from memory; `degraded` says what was away.
    """
    here = context(request)
    sight = Sight(person, here.feed, region=region, enterprise=enterprise, source=source)
    _check_place(here.feed.site, person, sight, region, enterprise, source)
    first, end = _period(begin, to, here.clock.now_ms())
    async with here.reports:
        try:
            found = await records.find(here, sight, source, first, end)
        except TooMany as error:
            raise Problem(422, f"{error}: ask for a shorter period, or for one enterprise") from error
        asked = _comparison(here.feed.site, sight, person, region, by, limit) if by else None
        answer = await asyncio.to_thread(_answer, found.pieces, first, end, asked)
    answer.degraded = found.degraded
    answer.known_from = None if found.known_from is None else wire.moment(found.known_from)
    return answer


def _check_place(site: Site, person: Person, sight: Sight, region: str, enterprise: str, source: str) -> None:
    """404 for what is not there, or not for this person: figures of nothing would look like those of a calm plant."""
    if enterprise and not sight.has(enterprise):
        raise Problem(404, f"There is no enterprise {enterprise} here.")
    if source and (source not in site.sources or not sight.has(source.partition("/")[0])):
        raise Problem(404, f"There is no source {source} here; it is named enterprise/source.")
    if region and (region not in site.regions or not (person.is_unscoped or sight.enterprises())):
        raise Problem(404, f"There is no region {region} here.")


def _period(begin: str | None, to: str | None, now_ms: int) -> tuple[int, int]:
    end = now_ms if to is None else min(_ms("to", to), now_ms)
    first = end - USUAL_MS if begin is None else _ms("from", begin)
    if first >= end:
        raise Problem(422, "from: must be earlier than to, and than now")
    if end - first < SHORTEST_MS:
        raise Problem(422, "to: the period must be a minute at least")
    if end - first > LONGEST_MS:
        raise Problem(422, "from: the period may be 92 days at most")
    return first, end


def _ms(field: str, text: str) -> int:
    time_of(field, text)
    return wire.milliseconds(text)


def _comparison(site: Site, sight: Sight, person: Person, region: str, by: By, limit: int) -> Comparison:
    """The quiet ones too; but no drills: these are kept out."""
    drills = {one.code for one in site.enterprises.values() if one.exercise}
    places = ((one.enterprise, one.code) for one in site.sources.values() if one.enterprise not in drills)
    seen = frozenset(place for place in places if sight.has(*place))
    return Comparison(site, by, seen, (region, person.region), limit)


def _answer(pieces: list[Piece], begin: int, end: int, asked: Comparison | None) -> merit.Metrics:
    """Takes some tenths of a second for a long period: in a thread, so that nobody waits for it."""
    record = of_pieces(pieces)
    answer = merit.shown(figures.of_period(record, begin, end))
    if asked is not None:
        rows = _rows(record, begin, end, asked)
        answer.rows, answer.rows_left_out = rows[: asked.limit], max(0, len(rows) - asked.limit)
    return answer


def _rows(record: Record, begin: int, end: int, asked: Comparison) -> list[merit.Row]:
    places = sorted(asked.seen | {(one.enterprise, one.source) for one in record.alarms})
    found = parts(asked.site, asked.by, places, asked.below)
    loads = figures.of_parts(record, begin, end, {key: part.places for key, part in found.items()})
    keys = sorted(found, key=lambda key: (-loads[key].total, key))
    return [merit.row(key, found[key].name, found[key].parent, loads[key]) for key in keys]
