"""The newest values of whole sources over HTTP, from memory and from a database that comes and goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from line.log import Line
from registry import migrate, store
from tests.integration.dashboard_api.test_api import Api, now_ms, secrets, serving
from tests.unit.dashboard_api.test_values import batch

__all__ = ["secrets"]  # a fixture
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


@pytest.fixture
async def points(line: Line, secrets: dict[str, str]) -> dict[str, int]:
    site = await store.current(line)
    return {name: tag.id for name, tag in site.tags.items()}


@pytest.fixture
async def api(line: Line, secrets: dict[str, str], database_url: str, points: dict[str, int]) -> AsyncIterator[Api]:
    """With a database that has six readings of E1/T02."""
    await migrate.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT hazardwatch.ensure_day(%s)", (BEGIN.date(),))
        connection.execute(
            "INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at) "
            "SELECT %s, %s::timestamptz + n * interval '10 min', n, 192, 0, now() FROM generate_series(0, 5) n",
            (points["E1/T02"], BEGIN),
        )
    async with serving(line, secrets, database_url=database_url) as running:
        yield running


async def test_the_newest_values_are_shown_to_those_who_see_the_source(api: Api) -> None:
    async with api.client("first") as client:
        for path in ("/sources/E2/TF2/latest", "/sources/E1/NONE/latest"):
            assert (await client.get(path)).status_code == 404
        seen = [json.loads(line) for line in (await client.get("/latest")).text.splitlines()]
        assert {one["source"].partition("/")[0] for one in seen} == {"E1"}
        assert (await client.get("/latest?enterprise=E2")).text == ""
    async with api.client() as client:
        for path in ("/latest", "/sources/E1/TF1/latest"):
            assert (await client.get(path)).status_code == 401


async def test_the_newest_values_of_a_source_come_from_memory_or_else_from_the_database(
    api: Api, line: Line, points: dict[str, int]
) -> None:
    at = now_ms()
    await line.append(batch([(points["E1/T01"], at - 5_000, 7.5), (points["E1/T03"], at, float("nan"))], at_ms=at))
    async with api.client("first") as client:
        found = await latest(client, "E1/T01", 7.5)
        assert found["complete"]
        values = found["values"]
        assert 5 <= values["T01"]["age_s"] < 60
        assert (values["T03"]["value"], values["T02"]["value"], values["T02"]["quality"]) == (None, 5.0, 192)
        assert values["T02"]["t"] == f"{BEGIN + timedelta(minutes=50):%Y-%m-%dT%H:%M:%S}.000Z"
        assert values["T04"] is None
        lines = [json.loads(one) for one in (await client.get("/latest?source=E1/TF1")).text.splitlines()]
        assert [(one["source"], one["complete"]) for one in lines] == [("E1/TF1", True)]
        assert lines[0]["values"] == {
            tag: [one["value"], one["quality"], one["t"]] for tag, one in values.items() if one is not None
        }
        await line.append(batch([(points["E1/T02"], at, 8.5)]))
        assert (await latest(client, "E1/T02", 8.5))["values"]["T02"]["value"] == 8.5


async def test_without_a_database_the_newest_values_are_those_of_memory(
    line: Line, secrets: dict[str, str], points: dict[str, int]
) -> None:
    async with serving(line, secrets, database_url="postgresql://nobody@127.0.0.1:1/none") as api:
        await line.append(batch([(points["E1/T01"], 5, 7.5)]))
        async with api.client("first") as client:
            found = await latest(client, "E1/T01", 7.5)
            assert not found["complete"]
            assert found["values"]["T02"] is None


async def latest(client: Any, name: str, value: float) -> dict[str, Any]:
    """The newest values of E1/TF1, once the api has heard of one of them."""
    for _ in range(200):
        answer = await client.get("/sources/E1/TF1/latest")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        one = found["values"][name.partition("/")[2]]
        if one is not None and one["value"] == value:
            return found
        await asyncio.sleep(0.02)  # the api hears of readings from the line
    raise AssertionError(found)
