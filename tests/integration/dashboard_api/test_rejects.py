"""Rejects over HTTP: who sees which, filters, counts, the whole payload, and a replay by an engineer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from line.log import Line
from registry import accounts, migrate
from registry.people import Role
from tests.integration.dashboard_api.test_api import Api, secrets, serving  # noqa: F401  a fixture

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
INSERT = (
    "INSERT INTO hazardwatch.reject (id, at, reason, detail, topic, enterprise, gateway, tag, payload, size, sha256) "
    "VALUES (%s, %s, %s, 'why', %s, %s, %s, %s, %s, %s, 'f')"
)


@pytest.fixture
async def api(line: Line, secrets: dict[str, str], database_url: str) -> AsyncIterator[Api]:  # noqa: F811
    await migrate.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        for number in range(6):
            enterprise, tag = ("E1", "T01") if number < 4 else ("E2", "X01")
            payload = b'{"ts": %d, "values": {"%s": 1.5}}' % (1_767_225_600_000 + number, tag.encode())
            if number == 5:
                payload = b"\xff" * 10_000
            at = BEGIN + timedelta(hours=number)
            reason = "unknown_tag" if number < 5 else "not_json"
            topic = f"hazard/v1/{enterprise}/GW1/readings"
            row = (f"id{number}", at, reason, topic, enterprise, "GW1", tag, payload, len(payload))
            connection.execute(INSERT, row)
    for role in (Role.ENGINEER, Role.OPERATOR):
        secrets[role] = await accounts.create_token(line, role, role, at_ms=0)
    secrets["engineer2"] = await accounts.create_token(line, "e2", Role.ENGINEER, enterprise="E2", at_ms=0)
    async with serving(line, secrets, database_url=database_url) as running:
        yield running


async def ids(api: Api, query: str, who: str = "engineer") -> list[str]:
    async with api.client(who) as client:
        answer = await client.get(f"/rejects?{query}")
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]


async def test_browsed_counted_shown_and_replayed(api: Api) -> None:
    assert await ids(api, "") == ["id5", "id4", "id3", "id2", "id1", "id0"]
    assert await ids(api, "enterprise=E2&reason=not_json") == ["id5"]
    assert await ids(api, "gateway=GW1&tag=T01&from=2026-03-01T01:00:00Z&to=2026-03-01T03:00:00Z") == ["id2", "id1"]
    assert await ids(api, "gateway=GW2") == []
    assert await ids(api, "", "engineer2") == ["id5", "id4"]
    async with api.client("engineer") as client:
        for query in ("from=x", "gateway=%00", "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "after=x"):
            assert (await client.get(f"/rejects?{query}")).status_code == 422, query
        span = "from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z"
        counted = (await client.get(f"/rejects/counts?{span}")).json()
        assert [(one["enterprise"], one["reason"], one["n"]) for one in counted["items"]] == [
            ("E1", "unknown_tag", 4), ("E2", "not_json", 1), ("E2", "unknown_tag", 1),
        ]  # fmt: skip
        assert len((await client.get(f"/rejects/counts?{span}&period=hour")).json()["items"]) == 6
        shown = (await client.get("/rejects/id5")).json()
        assert (shown["payload"], len(shown["payload_base64"])) == (None, 13_336)
        assert (await client.get("/rejects/id9")).status_code == 404

        done = await client.post("/rejects/replay", json={"enterprise": "E1"})
        assert (done.status_code, done.json()) == (
            200, {"rejects": 4, "settled": 4, "readings": 4, "refused": {}, "next": None},
        )  # fmt: skip
        assert (await client.post("/rejects/replay", json={"enterprise": "E1"})).json()["rejects"] == 0
        assert (await client.get("/rejects/id0")).json()["replayed_by"] == "engineer"
        assert await ids(api, "settled=false") == ["id5", "id4"]
    async with api.client("engineer2") as client:
        assert (await client.get("/rejects/id0")).status_code == 404
        assert (await client.post("/rejects/replay", json={})).json()["rejects"] == 2
    async with api.client("operator") as client:
        assert (await client.post("/rejects/replay", json={})).status_code == 403
