"""Figures of merit over HTTP: who sees which, over what period, from memory and from a database that comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from alerting.events import Ev, State
from line.log import Line
from tests.integration.alerting.conftest import running
from tests.integration.alerting.test_journal import keeping, until_journal
from tests.integration.dashboard_api.test_api import E1, E2, Api, now_ms, secrets, serving

__all__ = ["secrets"]  # a fixture
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
async def api(line: Line, secrets: dict[str, str]) -> AsyncIterator[Api]:
    async with serving(line, secrets) as running_api:
        yield running_api


async def metrics(api: Api, who: str, query: str = "") -> dict[str, Any]:
    async with api.client(who) as client:
        answer = await client.get(f"/alarm-metrics?{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def total(api: Api, who: str, query: str = "") -> int:
    return int((await metrics(api, who, query))["annunciated"]["total"])


async def test_a_flood_of_the_last_day_with_what_is_behind_it(api: Api) -> None:
    begin = now_ms() - HOUR
    for n in range(11):
        await api.say(**{**E1, "tag": "T01", "alarm_id": f"a{n}", "t": begin + n * 2_000})
        await api.say(
            **{**E1, "alarm_id": f"a{n}", "t": begin + n * 2_000 + 500, "ev": Ev.RTN, "state": State.RTNUN, "ann": None}
        )
    await api.say(**{**E1, "tag": "DRILL", "alarm_id": "drill", "t": begin, "exercise": True})
    await until(api, 11)
    found = await metrics(api, "admin")
    assert "degraded" in found
    assert found["degraded"] == []
    assert (found["annunciated"]["total"], found["annunciated"]["most_in_10min"]["count"]) == (11, 11)
    assert found["annunciated"]["per_day"] == {"value": 11.0, "target": 144.0, "met": True, "manageable": True}
    (flood,) = found["flood"]["list"]
    assert (flood["peak"]["count"], found["flood"]["count"], found["flood"]["met"]) == (11, 1, True)
    assert found["flood"]["seconds"] == pytest.approx(592)
    (top,) = found["top_ten"]["list"]
    assert (top["enterprise"], top["source"], top["tag"], top["alarm"]) == ("E1", "TF1", "T01", "H")
    assert (top["count"], top["share"], found["top_ten"]["met"]) == (11, 1.0, False)
    (chatterer,) = found["chattering"]["list"]
    assert (chatterer["raises"], chatterer["most_in_60s"]) == (11, 11)
    (fleeter,) = found["fleeting"]["list"]
    assert (fleeter["count"], fleeter["shortest_s"]) == (11, 0.5)
    assert found["priorities"]["by_priority"] == {"1": 0, "2": 11, "3": 0, "4": 0}
    assert sum(found["hours"]["counts"]) == 11
    assert len(found["hours"]["counts"]) == found["hours_over_30"]["of"] == 25
    assert found["periods_over_10"]["of"] in {144, 145}


async def until(api: Api, wanted: int) -> None:
    """Until the api has read as much from the line."""
    for _ in range(1_000):
        if await total(api, "admin", f"from={now_ms() - 80 * DAY}") >= wanted:
            return
    raise AssertionError("the api has not read it")


async def test_a_person_sees_the_figures_of_what_he_sees(api: Api) -> None:
    await api.say(**E1)
    await api.say(**E2)
    await until(api, 2)
    for who, count in {"admin": 2, "first": 1, "second": 1, "county": 1, "viewer": 2}.items():
        assert await total(api, who) == count, who
    assert await total(api, "county", "region=330000") == 1
    assert await total(api, "admin", "region=330211") == 1
    assert await total(api, "admin", "enterprise=E2") == 1
    assert await total(api, "admin", "source=E1/TF1") == 1
    async with api.client("first") as client:
        for query in ("enterprise=E2", "source=E2/TF2", "enterprise=none", "source=TF1", "region=none"):
            answer = await client.get(f"/alarm-metrics?{query}")
            assert answer.status_code == 404, query
            assert answer.headers["content-type"] == "application/problem+json"
    async with api.client() as client:
        assert (await client.get("/alarm-metrics")).status_code == 401


async def test_rows_say_who_is_worst_within_what_one_sees(api: Api) -> None:
    await api.say(**E1)
    await api.say(**E2)
    await api.say(**{**E2, "alarm_id": "three", "occ": 2})
    await until(api, 3)

    async def rows(who: str, query: str) -> list[tuple[str, str, int]]:
        found = await metrics(api, who, query)
        assert found["rows_left_out"] == 0
        return [(one["key"], one["parent"], one["total"]) for one in found["rows"] if "platform" not in one["key"]]

    assert await rows("admin", "by=enterprise") == [("E2", "330200", 2), ("E1", "330211", 1)]
    assert await rows("admin", "by=source&region=330211") == [("E1/TF1", "E1", 1)]
    assert await rows("admin", "by=region") == [("330000", "", 3), ("330200", "330000", 3), ("330211", "330200", 1)]
    assert await rows("admin", "by=region&region=330200") == [("330200", "330000", 3), ("330211", "330200", 1)]
    assert await rows("county", "by=region") == [("330211", "330200", 1)]
    assert await rows("first", "by=enterprise") == [("E1", "330211", 1)]
    (worst, *_) = (await metrics(api, "admin", "by=source"))["rows"]
    assert (worst["name"], worst["worst"]["tag"], worst["worst"]["share"]) == ("Other tank farm", "X01", 1.0)
    assert (await metrics(api, "admin"))["rows"] is None
    assert (await metrics(api, "admin", "by=enterprise&limit=1"))["rows_left_out"] == 2


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z",
        "from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:59Z",
        "from=2020-01-01T00:00:00Z&to=2020-04-02T00:00:01Z",
        "from=9999-01-01T00:00:00Z",
        "to=99999999999999999999",
        "by=gateway",
        "by=source&limit=0",
    ],
)
async def test_a_period_that_is_none_is_refused(api: Api, query: str) -> None:
    async with api.client("admin") as client:
        answer = await client.get(f"/alarm-metrics?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_period_ends_now_at_the_latest(api: Api) -> None:
    begin = now_ms() - HOUR
    found = await metrics(api, "admin", f"from={begin}&to={begin + 80 * DAY}")
    assert found["hours_over_30"]["of"] == 2
    found = await metrics(api, "admin", "to=2020-01-02T00:00:00Z")
    assert (found["from"], found["to"]) == ("2020-01-01T00:00:00.000Z", "2020-01-02T00:00:00.000Z")
    assert (found["hours_over_30"]["of"], found["periods_over_10"]["of"]) == (24, 144)
    assert found["annunciated"]["total"] == 0


async def test_what_the_journal_has_and_what_only_memory_has_counts_once(
    line: Line,
    database_url: str,
    secrets: dict[str, str],
) -> None:
    async with serving(line, secrets, database_url=database_url) as api:
        async with running(keeping(line, database_url)):
            await api.say(**{**E1, "t": now_ms() - 2 * DAY, "alarm_id": "stood"})
            await api.say(**{**E1, "alarm_id": "second", "alarm": "HH"})
            await until_journal(line, api.alarm_seq)
        await api.say(**E2)
        await until(api, 3)
        found = await metrics(api, "admin")
        assert (found["annunciated"]["total"], found["degraded"]) == (2, [])
        assert [(one["alarm"], one["until"]) for one in found["stale"]["list"]] == [("H", None)]
        assert await total(api, "first") == 1
        assert await total(api, "admin", f"from={now_ms() - 3 * DAY}") == 3
    await line.trim(keep_input_from=1, keep_alarm_from=api.alarm_seq)
    async with serving(line, secrets, api.alarm_seq, database_url) as api:
        found = await metrics(api, "admin", f"from={now_ms() - 3 * DAY}")
        assert (found["annunciated"]["total"], found["degraded"]) == (3, [])


async def test_without_the_database_memory_counts_and_says_from_when_on(
    line: Line,
    secrets: dict[str, str],
) -> None:
    async with serving(line, secrets, database_url=AWAY) as api:
        await api.say(**{**E1, "t": now_ms() - HOUR})
        await api.say(**{**E2, "t": now_ms() - MINUTE})
        await until(api, 2)
        found = await metrics(api, "admin")
        assert (found["annunciated"]["total"], found["degraded"], found["known_from"]) == (2, ["database"], None)
    await line.trim(keep_input_from=1, keep_alarm_from=2)
    async with serving(line, secrets, api.alarm_seq) as api:
        found = await metrics(api, "admin")
        assert (found["annunciated"]["total"], found["degraded"]) == (1, ["database"])
        assert found["from"] < found["known_from"] < found["to"]


async def test_a_journal_far_behind_is_told(
    line: Line,
    database_url: str,
    secrets: dict[str, str],
) -> None:
    async with serving(line, secrets, database_url=database_url) as api:
        async with running(keeping(line, database_url)):
            await api.say(**E1)
            await until_journal(line, 1)
        for n in range(3):
            await api.say(**{**E1, "alarm_id": f"a{n}"})
    await line.trim(keep_input_from=1, keep_alarm_from=4)
    async with serving(line, secrets, api.alarm_seq, database_url) as api:
        found = await metrics(api, "admin")
        assert (found["annunciated"]["total"], found["degraded"]) == (2, ["journal"])


async def test_the_answer_is_described(api: Api) -> None:
    async with api.client() as client:
        described = (await client.get("/openapi.json")).json()
    asked = described["paths"]["/api/v1/alarm-metrics"]["get"]
    assert {one["name"] for one in asked["parameters"]} == {
        "from", "to", "region", "enterprise", "source", "by", "limit"
    }  # fmt: skip
    schema = asked["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Metrics"}
    assert {"from", "to", "flood", "stale"} <= set(described["components"]["schemas"]["Metrics"]["properties"])
