"""The api on a real line: who may see and do what, and what a screen is told, also by an api that has just started."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from alerting.events import Emission, Ev, Event, State, encode
from dashboard_api.app import run
from line.log import Line
from registry import accounts
from registry.people import Role
from registry.store import import_files

SITE = Path(__file__).parents[2] / "system" / "site"
PASSWORD = "long enough"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Api:
    """A running api and the secrets of those who use it."""

    line: Line
    port: int
    secrets: dict[str, str]
    alarm_seq: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, who: str | None = None, **more: Any) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.secrets[who]}"} if who else {}
        return httpx2.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=10, **more)

    async def say(self, **fields: Any) -> None:
        """What an engine would put on ALARM."""
        event = Event(**{"t": now_ms(), "alarm": "H", "ev": Ev.ACTIVE, "state": State.UNACK, **fields})
        self.alarm_seq = await self.line.emit(
            encode(Emission(self.alarm_seq + 1, (event,))), input_seq=self.alarm_seq + 1, expected=self.alarm_seq
        )

    @asynccontextmanager
    async def screen(self, who: str, **wish: Any) -> AsyncIterator[ClientConnection]:
        headers = {"Authorization": f"Bearer {self.secrets[who]}"}
        async with connect(f"ws://127.0.0.1:{self.port}/api/v1/live", additional_headers=headers) as opened:
            assert json.loads(await opened.recv())["type"] == "hello"
            await opened.send(json.dumps({"type": "subscribe", "alarms": {}, "readings": [], **wish}))
            yield opened


async def frame(screen: ClientConnection, kind: str, seconds: float = 5) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            found: dict[str, Any] = json.loads(await screen.recv())
            if found["type"] == kind:
                return found


@asynccontextmanager
async def serving(
    line: Line, secrets: dict[str, str], alarm_seq: int = 0, database_url: str | None = None
) -> AsyncIterator[Api]:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()
    role = asyncio.create_task(run(line, database_url, listener, stop=stop))
    api = Api(line, listener.getsockname()[1], secrets, alarm_seq)
    async with httpx2.AsyncClient() as client:
        for _ in range(200):
            try:
                await client.get(f"{api.url}/healthz")
                break
            except httpx2.HTTPError:
                await asyncio.sleep(0.02)  # a real server starts in real time
    try:
        yield api
    finally:
        stop.set()
        await asyncio.wait_for(role, 15)


@pytest.fixture
async def secrets(line: Line) -> dict[str, str]:
    files = {path.name: path.read_bytes() for path in SITE.glob("*.csv")}
    await import_files(line, files, by="test", now_ms=now_ms)
    await accounts.add_user(line, "ann", PASSWORD, Role.OPERATOR, at_ms=0)
    made = {
        "viewer": (Role.VIEWER, {}),
        "operator": (Role.OPERATOR, {}),
        "admin": (Role.ADMIN, {}),
        "first": (Role.OPERATOR, {"enterprise": "E1"}),
        "second": (Role.OPERATOR, {"enterprise": "E2"}),
        "county": (Role.OPERATOR, {"region": "330211"}),
    }
    return {
        name: await accounts.create_token(line, name, role, at_ms=0, **scope) for name, (role, scope) in made.items()
    }


@pytest.fixture
async def api(line: Line, secrets: dict[str, str]) -> AsyncIterator[Api]:
    async with serving(line, secrets) as running:
        yield running


E1 = {"enterprise": "E1", "source": "TF1", "tag": "T01", "alarm_id": "one", "priority": 2, "occ": 1, "ann": True}
E2 = {"enterprise": "E2", "source": "TF2", "tag": "X01", "alarm_id": "two", "priority": 1, "occ": 1, "ann": True}


async def test_nobody_is_told_anything_without_a_secret_and_none_is_taken_from_the_url(api: Api) -> None:
    async with api.client() as client:
        for path in ("/me", "/alarms", "/tags", "/sources", "/rejects", "/notifications", "/site/export"):
            answer = await client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert (await client.get(f"{path}?token={api.secrets['admin']}")).status_code == 401
    url = f"ws://127.0.0.1:{api.port}/api/v1/live?token={api.secrets['admin']}"
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        async with connect(url) as opened:
            await opened.recv()


async def test_a_person_sees_his_enterprise_or_region_and_nothing_else(api: Api) -> None:
    await api.say(**E1)
    await api.say(**E2)
    sees = {"admin": {"E1", "E2"}, "first": {"E1"}, "second": {"E2"}, "county": {"E1"}}
    for who, enterprises in sees.items():
        async with api.client(who) as client:
            for path in ("/alarms", "/sources", "/tags?limit=1000", "/gateways"):
                shown = {one["enterprise"] for one in (await client.get(path)).json()["items"]} - {"platform"}
                assert shown == enterprises, (who, path)
            for alarm_id, enterprise, tag in (("one", "E1", "T01"), ("two", "E2", "X01")):
                seen = enterprise in enterprises
                assert (await client.get(f"/alarms/{alarm_id}")).status_code == (200 if seen else 404)
                assert (await client.get(f"/alarms/{alarm_id}/events")).status_code == (200 if seen else 404)
                assert (await client.get(f"/tags/{enterprise}/{tag}")).status_code == (200 if seen else 404)
                if not seen:
                    assert (await client.post(f"/alarms/{alarm_id}/ack", json={})).status_code == 404
        async with api.screen(who) as screen:
            snapshot = await frame(screen, "snapshot")
            assert {alarm["enterprise"] for alarm in snapshot["alarms"]} == enterprises


async def test_asking_for_more_than_the_scope_shows_no_more(api: Api) -> None:
    await api.say(**E2)
    async with api.client("first") as client:
        for query in ("enterprise=E2", "region=330200", "source=E2/TF2"):
            shown = (await client.get(f"/alarms?{query}")).json()["items"]
            assert not [one for one in shown if one["enterprise"] == "E2"], query
    async with api.screen("first", alarms={"enterprise": "E2"}, readings=["E2/TF2"]) as screen:
        assert (await frame(screen, "snapshot"))["alarms"] == []
        await api.say(**{**E2, "alarm_id": "three", "occ": 2})
        await api.say(**{**E1, "alarm_id": "four"})
        with pytest.raises(TimeoutError):
            await frame(screen, "alarm", seconds=0.5)


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("viewer", "POST", "/alarms/one/ack", {}),
        ("viewer", "GET", "/rejects", None),
        ("operator", "PATCH", "/tags/E1/T01", {"h": 1, "reason": "x"}),
        ("operator", "POST", "/site/import", None),
        ("operator", "GET", "/site/export", None),
        ("operator", "POST", "/tags/E1/T01/alarms/H/out-of-service", {"on": True, "permit": "P", "reason": "x"}),
    ],
)
async def test_a_role_may_not_what_it_may_not(
    api: Api, who: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await api.say(**E1)
    async with api.client(who) as client:
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 403, answer.text


async def test_with_the_cookie_only_our_own_pages_change_anything(api: Api) -> None:
    async with api.client() as client:
        foreign = {"Origin": "http://evil.example"}
        credentials = {"username": "ann", "password": PASSWORD}
        assert (await client.post("/login", json=credentials, headers=foreign)).status_code == 403
        assert (await client.post("/login", json=credentials)).status_code == 200
        cookie = client.cookies["hazardwatch_session"]
        assert (await client.get("/me")).json()["username"] == "ann"
        for headers in ({}, foreign, {"Origin": "null"}):
            assert (await client.post("/logout", headers=headers)).status_code == 403
        for origin in (None, "http://evil.example", "null"):
            extra = {"Cookie": f"hazardwatch_session={cookie}"} | ({"Origin": origin} if origin else {})
            with pytest.raises((InvalidStatus, ConnectionClosed)):
                async with connect(f"ws://127.0.0.1:{api.port}/api/v1/live", additional_headers=extra) as opened:
                    await opened.recv()
        assert (await client.post("/logout", headers={"Origin": api.url})).status_code == 204
        assert (await client.get("/me")).status_code == 401


async def test_guessing_passwords_gets_slower(api: Api) -> None:
    async with api.client() as client:
        answers = [
            (await client.post("/login", json={"username": "ann", "password": f"guess {n}"})).status_code
            for n in range(7)
        ]
        assert answers[:5] == [401] * 5
        assert answers[-1] == 429


async def test_a_session_that_was_ended_ends_its_screen_within_5_s(api: Api) -> None:
    secret, _ = await accounts.log_in(api.line, "ann", PASSWORD, now_ms=now_ms()) or ("", None)
    api.secrets["ann"] = secret
    async with api.screen("ann") as screen:
        await frame(screen, "snapshot")
        await accounts.log_out(api.line, secret)
        async with asyncio.timeout(5):
            await screen.wait_closed()


async def test_what_was_missed_comes_after_and_what_is_unknown_is_a_gap(api: Api, line: Line) -> None:
    async with api.screen("admin") as screen:
        first = await frame(screen, "snapshot")
        await api.say(**E1)
        seen = await frame(screen, "alarm")
        assert seen["seq"] > first["seq"]
    await api.say(**E2)
    await api.say(**{**E1, "ev": Ev.ACK, "state": State.ACKED, "user": "ann"})
    async with api.screen("admin", after=seen["seq"]) as screen:
        missed = [await frame(screen, "alarm") for _ in range(2)]
        assert [one["event"]["ev"] for one in missed] == ["ACTIVE", "ACK"]
        assert seen["seq"] < missed[0]["seq"] < missed[1]["seq"]
    async with api.screen("admin", after=missed[1]["seq"] + 1_000_000_000) as screen:
        assert (await frame(screen, "gap"))["from"] == missed[1]["seq"] + 1_000_000_000


async def test_an_api_that_has_just_started_knows_what_stands(api: Api, line: Line) -> None:
    await api.say(**E1)
    await api.say(**E2)
    async with serving(line, api.secrets, api.alarm_seq) as other:
        async with other.screen("admin") as screen:
            snapshot = await frame(screen, "snapshot")
            assert {alarm["alarm_id"] for alarm in snapshot["alarms"]} == {"one", "two"}
        async with other.client("admin") as client:
            listed = (await client.get("/alarms")).json()["items"]
            assert {one["alarm_id"] for one in listed} == {"one", "two"}


async def test_a_command_that_no_engine_answers_is_pending_and_a_repeat_says_the_same(api: Api) -> None:
    await api.say(**E1)
    async with api.client("operator") as client:
        key = {"Idempotency-Key": "k"}
        first = await client.post("/alarms/one/ack", json={}, headers=key)
        assert first.status_code == 202
        again = await client.post("/alarms/one/ack", json={}, headers=key)
        assert (again.status_code, again.json()) == (202, first.json())


async def test_every_error_is_a_problem_and_shows_nothing_of_our_inside(api: Api) -> None:
    async with api.client("admin") as client:
        for method, path, status in (
            ("GET", "/nothing", 404),
            ("DELETE", "/alarms", 405),
            ("GET", "/alarms?limit=0", 422),
            ("GET", "/alarms?after=%FF", 422),
            ("GET", "/alarms?from=yesterday", 422),
            ("GET", "/alarms/none", 404),
            ("GET", "/tags/E1/T01/history?from=1&to=2", 503),
            ("GET", "/tags/E1/T01/history?from=2&to=1", 422),
            ("POST", "/site/import", 422),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status, (method, path, answer.text)
            assert answer.headers["content-type"].startswith("application/problem+json"), path
            assert "Traceback" not in answer.text
            assert answer.json()["status"] == status


async def test_the_description_names_every_call_and_needs_no_other_host(api: Api) -> None:
    async with api.client() as client:
        described = (await client.get("/openapi.json")).json()
        assert {"/api/v1/alarms", "/api/v1/alarms/{alarm_id}/ack", "/api/v1/site/import"} <= set(described["paths"])
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "http://" not in page.text.replace(api.url, "")
        assert "https://" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'self'")


async def test_limits_are_changed_with_a_reason_and_refused_where_they_contradict(api: Api) -> None:
    async with api.client("admin") as client:
        assert (await client.patch("/tags/E1/T01", json={"h": 70})).status_code == 422
        wrong = await client.patch("/tags/E1/T01", json={"h": 95, "reason": "x"})
        assert wrong.status_code == 422
        assert "E1/T01" in wrong.text
        done = await client.patch("/tags/E1/T01", json={"h": 70, "reason": "summer"})
        assert done.status_code in {200, 202}, done.text
        for _ in range(100):
            if (await client.get("/tags/E1/T01")).json()["h"] == 70:
                break
            await asyncio.sleep(0.02)  # the api hears of the version from the line
        assert (await client.get("/tags/E1/T01")).json()["h"] == 70
