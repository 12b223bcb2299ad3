"""Notices: what was sent to whom, and the page behind a notice's link, where its reader accepts the alarm."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from alerting.events import State
from alerting.notifier import links
from alerting.notifier.attempts import Attempt, recent
from alerting.occurrences import Occurrence
from dashboard_api import wire
from dashboard_api.access import Context, Sight, context, person_of
from dashboard_api.commands import carry_out, command_id
from dashboard_api.pages import MOST, USUAL, page
from line.messages import Command
from registry.people import Person, Role

router = APIRouter(tags=["notices"])
pages = APIRouter(include_in_schema=False)

NEWEST_FIRST = 10**15  # less than the milliseconds of any time: for keys that sort newest first
STYLE = (
    "body{font:18px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f6;color:#1c1f23}"
    "main{max-width:30rem;margin:0 auto;padding:1.2rem}h1{font-size:1.3rem;margin:.2rem 0 1rem}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1rem;margin:0 0 1.4rem}dt{color:#5a6068}"
    "dd{margin:0;font-variant-numeric:tabular-nums}button{font:inherit;font-weight:600;width:100%;padding:1rem;border:0;"
    "border-radius:.6rem;background:#1c1f23;color:#fff}.exercise{background:#e3e6ea;padding:.3rem .6rem;"
    "border-radius:.3rem;font-weight:600}@media(prefers-color-scheme:dark){body{background:#14171a;color:#e8eaed}"
    "dt{color:#9aa1a9}button{background:#e8eaed;color:#14171a}.exercise{background:#2b3036}}"
)


@router.get("/notifications")
async def notifications(
    request: Request,
    person: Person = Depends(person_of),
    enterprise: str = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    after: str | None = None,
) -> dict[str, Any]:
    """What was sent to whom, when, through which channel, and whether it was accepted; newest first."""
    here = context(request)
    sight = Sight(person, here.feed, enterprise=enterprise)
    found = sorted((one for one in await recent(here.line) if sight.has(one.enterprise or "")), key=_key)
    return page(found, key=_key, show=_shown, limit=limit, after=after)


@pages.get("/n/{token}")
async def notice(request: Request, token: str) -> Response:
    """The alarm behind a notice's link, and one button."""
    here = context(request)
    try:
        link = links.verify(token, await links.secret(here.line), here.clock.now_ms())
    except links.BadLink as error:
        return _page("链接无效 · This link does not work", f"<p>{escape(str(error))}</p>", 410)
    return _page(*_alarm_page(here, link))


@pages.post("/n/{token}")
async def accept(request: Request, token: str) -> Response:
    """The reader accepts: an acknowledgement in his name, which ends the escalation."""
    here = context(request)
    try:
        link = links.verify(token, await links.secret(here.line), here.clock.now_ms())
    except links.BadLink as error:
        return _page("链接无效 · This link does not work", f"<p>{escape(str(error))}</p>", 410)
    user = links.user_of(link.contact)
    command = Command(
        command_id(), "ACK", link.enterprise, link.tag, link.alarm, user, here.clock.now_ms(), occ=link.occ
    )
    answer = await carry_out(here, command, person=Person(user, Role.OPERATOR), key=f"link {token}")
    if answer.status == 200:
        return _page("已确认 · Accepted", f"<p>{escape(link.contact)}</p>{_facts(here, link)}")
    if answer.status == 202:
        return _page("已提交 · Sent, not yet confirmed", "<p>Load this page again in a moment.</p>", 202)
    return _page(*_alarm_page(here, link))


def _alarm_page(here: Context, link: links.Link) -> tuple[str, str]:
    """Title and body: the button, or who was first."""
    one = here.feed.book.occurrence(link.alarm_id)
    if one is None or one.acked_by is not None or one.state not in (State.UNACK, State.RTNUN, State.LATUN):
        who = f"<p>{escape(one.acked_by)}</p>" if one is not None and one.acked_by else ""
        return "已有人确认或已结束 · Already accepted, or over", who + _facts(here, link)
    form = '<form method="post"><button>确认接受 · I accept</button></form>'
    return "报警 · Alarm", _facts(here, link) + form


def _facts(here: Context, link: links.Link) -> str:
    site = here.feed.site
    enterprise = site.enterprises.get(link.enterprise)
    one = here.feed.book.occurrence(link.alarm_id)
    tag = site.tags.get(f"{link.enterprise}/{link.tag}")
    facts = [("企业 Enterprise", enterprise.name if enterprise else link.enterprise)]
    facts += [("位号 Tag", f"{link.tag} {tag.description if tag else ''}"), ("报警 Alarm", link.alarm)]
    if one is not None:
        facts += _of_occurrence(one)
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    mark = '<p><span class="exercise">演练 EXERCISE</span></p>' if one is not None and one.exercise else ""
    return f"{mark}<dl>{rows}</dl>"


def _of_occurrence(one: Occurrence) -> list[tuple[str, str]]:
    unit = f" {one.unit}" if one.unit else ""
    value = "—" if one.value is None else f"{one.value:g}{unit}"
    limit = "—" if one.limit is None else f"{one.limit:g}{unit}"
    return [
        ("数值 Value", value),
        ("限值 Limit", limit),
        ("时间 Time", wire.moment(one.raised_at)),
        ("状态 State", one.state),
        ("优先级 Priority", str(one.priority or "")),
    ]


def _page(title: str, body: str, status: int = 200) -> Response:
    html = (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><main><h1>{escape(title)}</h1>{body}</main>"
    )
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def _key(one: Attempt) -> str:
    return f"{NEWEST_FIRST - one.at:016d} {one.id}"


def _shown(one: Attempt) -> dict[str, Any]:
    times = {
        name: None if at_ms is None else wire.moment(at_ms)
        for name, at_ms in (("at", one.at), ("done_at", one.done_at), ("accepted_at", one.accepted_at))
    }
    fields: dict[str, Any] = {name: getattr(one, name) for name in one.__struct_fields__ if name != "key"}
    return {**fields, **times}
