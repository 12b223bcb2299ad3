"""A request to the person behind it: bearer token or session cookie, our own origin, and what he may see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi import Depends, Request

from dashboard_api.backtests import Backtests
from dashboard_api.latest import Asked
from dashboard_api.live.feed import Feed
from dashboard_api.problems import Problem
from line.clock import SteadyClock
from line.log import Line
from registry import accounts
from registry.database import Database
from registry.people import Action, Person, admits, is_within, may

COOKIE = "hazardwatch_session"
STARTING_S = 5.0  # how long a call waits for the memory of an api that has just started
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FREE_FAILURES = 4  # wrong passwords before the next must wait: 2 s, 4 s, ... a minute
LONGEST_WAIT_S = 60.0
MOST_CULPRITS = 10_000
MOST_REPORTS = 2  # figures of long periods computed at once: about 0.1 GB each; others wait for their turn


@dataclass
class Context:
    """What every call needs; hangs on the application."""

    line: Line
    clock: SteadyClock
    feed: Feed
    database: Database | None
    attempts: Attempts = field(default_factory=lambda: Attempts())  # noqa: PLW0108  it stands below
    latest: Asked = field(default_factory=Asked)
    backtests: Backtests = field(default_factory=Backtests)
    reports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_REPORTS))


def context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


def secret_of(headers: Mapping[str, str], cookies: Mapping[str, str]) -> tuple[str, bool]:
    """The secret that a request carries, and whether it came by the cookie; never from the URL."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip(), False
    return cookies.get(COOKIE, ""), True


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that asks is ours: its Origin has the host that it asks."""
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == headers.get("host", "") and "://" in origin


async def person_of(request: Request) -> Person:
    """Who asks; 401 where nobody does, 403 where a foreign page does in his name."""
    here = context(request)
    secret, by_cookie = secret_of(request.headers, request.cookies)
    found = await accounts.person(here.line, secret, now_ms=here.clock.now_ms()) if secret else None
    if found is None:
        raise Problem(401, "Log in first, or send a bearer token.", headers={"WWW-Authenticate": "Bearer"})
    if by_cookie and request.method not in SAFE_METHODS and not is_own_origin(request.headers):
        raise Problem(403, "With the cookie, only our own pages may change anything (Origin).")
    if not await here.feed.is_ready(STARTING_S):
        raise Problem(503, "The api is starting: it does not know yet what stands.", headers={"Retry-After": "1"})
    return found


def allowed(action: Action) -> Callable[..., object]:
    """A dependency that gives the person, if his role and scope allow this action; else 403."""

    async def check(person: Person = Depends(person_of)) -> Person:
        if not may(person, action):
            raise Problem(403, f"Your role {person.role} does not allow this ({action}).")
        return person

    return check


class Sight:
    """What one person sees of the site, narrowed by what he asked for."""

    def __init__(self, person: Person, feed: Feed, *, region: str = "", enterprise: str = "", source: str = "") -> None:
        self._person, self._feed = person, feed
        self._region, self._enterprise, self._source = region, enterprise, source
        self._known: dict[str, bool] = {}

    def has(self, enterprise: str, source: str | None = None) -> bool:
        """Whether an enterprise, or one of its sources, is within both his scope and his question."""
        if source is not None and self._source and self._source != f"{enterprise}/{source}":
            return False
        if enterprise not in self._known:
            self._known[enterprise] = self._has(enterprise)
        return self._known[enterprise]

    def _has(self, enterprise: str) -> bool:
        site = self._feed.site
        if not admits(self._person, site, enterprise):
            return False
        if self._enterprise and self._enterprise != enterprise:
            return False
        if self._source and self._source.partition("/")[0] != enterprise:
            return False
        if not self._region:
            return True
        found = site.enterprises.get(enterprise)
        return found is not None and is_within(site, found.region, self._region)

    def enterprises(self) -> frozenset[str] | None:
        """The codes of all that is seen; None: everything, also what the site does not know."""
        if self._person.is_unscoped and not (self._region or self._enterprise or self._source):
            return None
        return frozenset(code for code in self._feed.site.enterprises if self.has(code))


class Attempts:
    """Wrong passwords by name and address: after a few, each makes the next wait longer."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def wait_s(self, name: str, address: str) -> float:
        """How long the next attempt must wait."""
        failures, since_s = self._failures.get((name, address), (0, 0.0))
        if failures <= FREE_FAILURES:
            return 0.0
        until_s = since_s + min(2.0 ** (failures - FREE_FAILURES), LONGEST_WAIT_S)
        return max(0.0, until_s - asyncio.get_running_loop().time())

    def failed(self, name: str, address: str) -> None:
        failures, _ = self._failures.pop((name, address), (0, 0.0))
        self._failures[name, address] = (failures + 1, asyncio.get_running_loop().time())
        if len(self._failures) > MOST_CULPRITS:
            self._failures.pop(next(iter(self._failures)))

    def succeeded(self, name: str, address: str) -> None:
        self._failures.pop((name, address), None)
