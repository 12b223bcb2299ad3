"""Limits tried on stored readings over HTTP: a real database, a real process, and nothing live is touched."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import psycopg

from line.log import Line
from registry import accounts, migrate
from registry.people import Role
from registry.store import current, import_files
from tests.integration.dashboard_api.test_api import SITE, Api, now_ms, serving

DAY = "2026-11-20T00:00:00Z"
NEXT = "2026-11-21T00:00:00Z"


async def with_history(line: Line, database_url: str, excursions: int) -> dict[str, str]:
    """T01 of E1, a reading a minute for a day, with so many readings of 85."""
    files = {path.name: path.read_bytes() for path in SITE.glob("*.csv")}
    await import_files(line, files, by="test", now_ms=now_ms)
    point = (await current(line)).tags["E1/T01"].id
    await migrate.upgrade(database_url)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT %s, t, CASE WHEN n %% 100 = 50 AND n / 100 < %s THEN 85 ELSE 70 END, 192, 0, t "
            "FROM (SELECT n, %s::timestamptz + n * interval '1 min' AS t FROM generate_series(0, 1439) n) s",
            (point, excursions, DAY),
        )
    return {
        "engineer": await accounts.create_token(line, "engineer", Role.ENGINEER, at_ms=0),
        "other": await accounts.create_token(line, "other", Role.ENGINEER, at_ms=0, enterprise="E2"),
        "operator": await accounts.create_token(line, "operator", Role.OPERATOR, at_ms=0),
    }


def asked(**columns: Any) -> dict[str, Any]:
    return {"from": DAY, "to": NEXT, "enterprise": "E1", "changes": [{"tag": "T01", "columns": columns}]}


async def over(client: httpx2.AsyncClient, identity: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await client.get(f"/backtests/{identity}")).json()
            if found["state"] not in ("queued", "running"):
                return found
            await asyncio.sleep(0.05)  # a real process works in real time


async def test_a_limit_is_tried_on_a_day_that_is_over(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=3)
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        answer = await client.post("/backtests", json=asked(h=84.0, hh=95.0, deadband=1))
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        found = await over(client, answer.json()["id"])
        assert (found["state"], found["error"], found["done"], found["readings"]) == ("done", None, 1.0, 1440)
        result = found["result"]
        assert (result["before"]["raised"], result["after"]["raised"], result["both"]) == (3, 3, 3)
        higher = await over(client, (await client.post("/backtests", json=asked(h=86, hh=95))).json()["id"])
        assert (higher["result"]["after"]["raised"], higher["result"]["only_before_count"]) == (0, 3)
        assert [span["raised_at"] for span in higher["result"]["only_before"]] == [
            "2026-11-20T00:50:00.000Z", "2026-11-20T02:30:00.000Z", "2026-11-20T04:10:00.000Z",
        ]  # fmt: skip
        listed = (await client.get("/backtests")).json()["items"]
        assert [one["id"] for one in listed] == [higher["id"], found["id"]]
        assert "result" not in listed[0]
        assert (await client.get("/tags?enterprise=E1")).json()["items"][0]["h"] == 80  # nothing is in force


async def test_what_cannot_be_tried_is_said_at_once(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=0)
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        for body, status, words in (
            (asked(h=95.0), 422, "HH"),
            (asked(height=1), 422, "height"),
            ({**asked(h=81), "to": DAY}, 422, "to: must be later"),
            ({**asked(h=81), "from": "yesterday"}, 422, "from"),
            ({**asked(h=81), "from": "2020-01-01T00:00:00Z"}, 422, "400 days"),
            ({**asked(h=81), "changes": [{"tag": "NONE", "columns": {"h": 1}}]}, 404, "NONE"),
        ):
            answer = await client.post("/backtests", json=body)
            assert (answer.status_code, words in answer.text) == (status, True), answer.text
        assert (await client.get("/backtests/unknown")).status_code == 404
    async with serving(line, secrets) as api, api.client("engineer") as client:
        assert (await client.post("/backtests", json=asked(h=81))).status_code == 503


async def test_only_an_engineer_of_the_enterprise_may(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=1)
    async with serving(line, secrets, database_url=database_url) as api:
        mine = await _begun(api)
        async with api.client("operator") as client:
            assert (await client.post("/backtests", json=asked(h=81))).status_code == 403
            assert (await client.get("/backtests")).status_code == 403
        async with api.client("other") as client:
            assert (await client.post("/backtests", json=asked(h=81))).status_code == 404
            assert (await client.get(f"/backtests/{mine}")).status_code == 404
            assert (await client.delete(f"/backtests/{mine}")).status_code == 404
            assert (await client.get("/backtests")).json()["items"] == []


async def _begun(api: Api) -> str:
    async with api.client("engineer") as client:
        identity: str = (await client.post("/backtests", json=asked(h=81))).json()["id"]
        return identity


async def test_one_that_is_cancelled_ends_and_the_next_one_runs(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=1)
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        first, second = await _begun(api), await _begun(api)
        assert (await client.delete(f"/backtests/{first}")).json()["state"] == "cancelled"
        assert (await over(client, second))["state"] == "done"
        assert (await over(client, first))["state"] == "cancelled"
        assert (await client.delete(f"/backtests/{second}")).json()["state"] == "done"


async def test_a_database_that_does_not_answer_is_why_it_failed(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=1)
    away = "postgresql://nobody@127.0.0.1:9/none"
    async with serving(line, secrets, database_url=away) as api, api.client("engineer") as client:
        found = await over(client, (await client.post("/backtests", json=asked(h=81))).json()["id"])
        assert found["state"] == "failed"
        assert found["error"].startswith("the database: ")
