"""Limits tried on stored readings over HTTP: a real database, a real process, and nothing live is touched."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import psutil
import psycopg

from alerting.backtest_job import Job
from alerting.backtest_job import Line as Answer
from line.log import Line
from registry import accounts, migrate
from registry.people import Role
from registry.plan import compile_part
from registry.store import current, import_files
from tests.integration.dashboard_api.test_api import SITE, Api, now_ms, serving

DATE = datetime.now(UTC).date() - timedelta(days=2)
DAY, NEXT = f"{DATE}T00:00:00Z", f"{DATE + timedelta(days=1)}T00:00:00Z"


async def with_history(line: Line, database_url: str, excursions: int, last: float = 85) -> dict[str, str]:
    """T01 of E1, a reading a minute for a day, with so many readings of 85; the last of them may be another value."""
    files = {path.name: path.read_bytes() for path in SITE.glob("*.csv")}
    await import_files(line, files, by="test", now_ms=now_ms)
    point = (await current(line)).tags["E1/T01"].id
    await migrate.upgrade(database_url)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT %s, t, CASE WHEN n %% 100 = 50 AND n / 100 < %s THEN CASE n / 100 WHEN %s THEN %s ELSE 85 END "
            "ELSE 70 END, 192, 0, t "
            "FROM (SELECT n, %s::timestamptz + n * interval '1 min' AS t FROM generate_series(0, 1439) n) s",
            (point, excursions, excursions - 1, last, DAY),
        )
    return {
        "engineer": await accounts.create_token(line, "engineer", Role.ENGINEER, at_ms=0),
        "other": await accounts.create_token(line, "other", Role.ENGINEER, at_ms=0, enterprise="E2"),
        "operator": await accounts.create_token(line, "operator", Role.OPERATOR, at_ms=0),
    }


def asked(**columns: Any) -> dict[str, Any]:
    return {"from": DAY, "to": NEXT, "enterprise": "E1", "changes": [{"tag": "T01", **columns}]}


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
        answer = await client.post("/backtests", json=asked(h=84.0, hh=95.0, deadband=1, reason="too many"))
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        found = await over(client, answer.json()["id"])
        assert (found["state"], found["error"], found["done"], found["readings"]) == ("done", None, 1.0, 1440)
        assert (found["enterprises"], found["about"], found["remaining_s"]) == (["E1"], 1440, 0.0)
        assert found["changes"] == [{"enterprise": "E1", "tag": "T01", "h": 84.0, "hh": 95.0, "deadband": 1}]
        result = found["result"]
        assert (result["before"]["raised"], result["after"]["raised"], result["both_count"]) == (3, 3, 3)
        assert (result["both"][0]["later_s"], result["tags"][0]["first_later_s"]) == (0.0, 0.0)
        higher = await over(client, (await client.post("/backtests", json=asked(h=86, hh=95))).json()["id"])
        assert (higher["result"]["after"]["raised"], higher["result"]["only_before_count"]) == (0, 3)
        assert [span["raised_at"] for span in higher["result"]["only_before"]] == [
            f"{DATE}T{time}.000Z" for time in ("00:50:00", "02:30:00", "04:10:00")
        ]
        assert higher["result"]["days"] == [{"day": str(DATE), "before": 3, "after": 0}]
        listed = (await client.get("/backtests")).json()["items"]
        assert {one["id"] for one in listed} == {higher["id"], found["id"]}
        assert "result" not in listed[0]
        assert (await client.get("/tags?enterprise=E1")).json()["items"][0]["h"] == 80  # nothing is in force


async def test_what_would_have_rung_less_often(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=3, last=91)
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        two = {**asked(), "enterprise": "", "changes": [
            {"enterprise": "E1", "tag": "T01", "h": 90, "hh": 95}, {"enterprise": "E1", "tag": "T02", "h": 10},
        ]}  # fmt: skip
        result = (await over(client, (await client.post("/backtests", json=two)).json()["id"]))["result"]
        tag = next(one for one in result["tags"] if one["alarm"] == "H")
        assert (tag["before"], tag["after"], tag["only_before"], tag["only_after"]) == (3, 1, 2, 0)
        assert tag["first_later_s"] == 2 * 100 * 60


async def test_what_cannot_be_tried_is_said_at_once(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=0)
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        for body, status, words in (
            (asked(h=95.0), 422, "HH"),
            (asked(height=1), 422, "height"),
            ({**asked(h=81), "to": DAY}, 422, "to: must be later"),
            ({**asked(h=81), "from": "yesterday"}, 422, "from"),
            ({**asked(h=81), "from": "2020-01-01T00:00:00Z"}, 422, "400 days"),
            ({**asked(h=81), "from": "2999-01-01T00:00:00Z", "to": "2999-01-02T00:00:00Z"}, 422, "earlier than now"),
            ({**asked(h=81), "changes": [{"tag": "NONE", "h": 1}]}, 404, "NONE"),
            ({**asked(h=81), "changes": []}, 422, "changes"),
            (asked(), 422, "E1/T01 has none"),
            (asked(h=[81]), 422, "h"),
            ({**asked(h=81), "changes": [{"tag": "T01", "h": 81}, {"tag": "T01", "h": 82}]}, 422, "twice"),
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


async def dense(database_url: str) -> None:
    """T01 and the 29 after it at 4 Hz for an hour and a half of that day: some seconds of work."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT p, t, 70 + 25 * random(), 192, 0, t FROM generate_series("
            "%(day)s::timestamptz + interval '10 ms', %(day)s::timestamptz + interval '90 min', interval '250 ms') t, "
            "(SELECT DISTINCT point + n AS p FROM hazardwatch.reading_raw, generate_series(0, 29) n) points",
            {"day": DAY},
        )


def all_of_them(**columns: Any) -> dict[str, Any]:
    return {**asked(), "changes": [{"tag": f"T{number:02}", **columns} for number in range(1, 31)]}


def jobs() -> list[psutil.Process]:
    """Processes of backtests that this one has."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "alerting.backtest_job" in child.cmdline():
                found.append(child)
    return found


async def at_work(client: httpx2.AsyncClient, identity: str) -> dict[str, Any]:
    """Once it has read something and is not nearly done."""
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await client.get(f"/backtests/{identity}")).json()
            assert found["state"] in ("queued", "running"), found
            if found["readings"]:
                return found
            await asyncio.sleep(0.02)  # a real process works in real time


async def test_one_at_work_is_ended_at_once_and_nothing_live_notices(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=1)
    await dense(database_url)
    before = await line.last_input(), await line.last_alarm()
    async with serving(line, secrets, database_url=database_url) as api, api.client("engineer") as client:
        begun = (await client.post("/backtests", json=all_of_them(h=81))).json()["id"]
        found = await at_work(client, begun)
        assert 0 < found["done"] < 1
        assert found["readings"] < found["about"]
        assert found["remaining_s"] > 0
        (job,) = jobs()
        assert job.nice() >= 10
        begin = asyncio.get_running_loop().time()
        assert (await client.get("/tags?limit=1")).status_code == 200
        assert (await client.delete(f"/backtests/{begun}")).json()["state"] == "cancelled"
        job.wait(5)
        assert asyncio.get_running_loop().time() - begin < 2
        again = (await client.post("/backtests", json=all_of_them(h=81))).json()["id"]
        await at_work(client, again)
        assert len(jobs()) == 1
    assert jobs() == []  # they end with the api
    assert (await line.last_input(), await line.last_alarm()) == before


async def test_a_backtest_whose_api_was_killed_ends_too(line: Line, database_url: str) -> None:
    await with_history(line, database_url, excursions=1)
    await dense(database_url)
    site = await current(line)
    plan = compile_part(site, {f"E1/T{number:02}" for number in range(1, 31)})
    begin = (datetime.fromisoformat(DAY) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    job = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "alerting.backtest_job",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert job.stdin is not None
    assert job.stdout is not None
    job.stdin.write(msgspec.json.encode(Job(database_url, plan, plan, begin, begin + 86_400_000)))
    job.stdin.close()
    first = msgspec.json.decode(await job.stdout.readline(), type=Answer)
    assert (first.readings, first.result) == (0, None)
    job._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # what a killed reader leaves behind
    assert await asyncio.wait_for(job.wait(), 10) != 0


async def test_a_database_that_does_not_answer_is_why_it_failed(line: Line, database_url: str) -> None:
    secrets = await with_history(line, database_url, excursions=1)
    away = "postgresql://nobody@127.0.0.1:9/none"
    async with serving(line, secrets, database_url=away) as api, api.client("engineer") as client:
        found = await over(client, (await client.post("/backtests", json=asked(h=81))).json()["id"])
        assert found["state"] == "failed"
        assert found["error"].startswith("the database: ")
