"""Presets over HTTP: a screen sees the limits in force, an export what was imported, an import its warnings."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from line.log import Line
from tests.integration.dashboard_api.test_api import Api, secrets, serving

__all__ = ["secrets"]  # a fixture
SOURCES = "enterprise,code,name,template\nE1,TF1,Tank farm,T01\nE2,TF2,Other tank farm,our own\n"
TAGS = "enterprise,source,tag,kind,unit,h\nE1,TF1,LT,level,m,none\nE1,TF1,GD9,gas_combustible,%LEL,\n"


@pytest.fixture
async def api(line: Line, secrets: dict[str, str]) -> AsyncIterator[Api]:
    async with serving(line, secrets) as running_api:
        yield running_api


async def put(api: Api, tags: str) -> tuple[int, dict[str, Any]]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sources.csv", SOURCES)
        archive.writestr("tags.csv", tags)
    async with api.client("admin") as client:
        answer = await client.post(
            "/site/import", content=packed.getvalue(), headers={"content-type": "application/zip"}
        )
        return answer.status_code, answer.json()


async def test_a_screen_sees_limits_in_force_and_an_export_gives_back_what_was_imported(api: Api) -> None:
    status, body = await put(api, TAGS)
    assert status in (200, 202)
    assert body["warnings"] == [
        "sources.csv:3: template: there is no template our own, so no presets are taken; there are "
        + ", ".join([*(f"T{number:02}" for number in range(1, 15)), "GB50493", "GB50072"])
    ]
    async with api.client("admin") as client:
        level = (await client.get("/tags/E1/LT")).json()
        assert [level[name] for name in ("ll", "l", "h", "hh", "deadband")] == [1.6, 1.8, None, 12.9, 0.05]
        assert level["template"]["row"] == "LT-A"
        assert "h" not in level["template"]["columns"]
        assert set(level["alarms"]) == {"LL", "L", "HH"}
        gas = (await client.get("/tags/E1/GD9")).json()
        assert [gas[name] for name in ("h", "hh")] == [25, 50]
        assert (await client.get("/tags/E2/X01")).json()["template"] is None
        exported = zipfile.ZipFile(io.BytesIO((await client.get("/site/export")).content))
        rows = exported.read("tags.csv").decode("utf-8-sig").splitlines()
        (row,) = [row for row in rows if row.startswith("E1,TF1,LT,")]
        assert row.split(",")[5:15] == ["", "", "", "60", "", "", "", "", "none", ""]


async def test_a_change_of_limits_may_take_a_preset_away_or_let_it_back_in_but_not_above_the_clause(api: Api) -> None:
    await put(api, TAGS)
    async with api.client("admin") as client:

        async def changed(**cells: object) -> tuple[int, dict[str, Any]]:
            answer = await client.patch("/tags/E1/GD9", json={**cells, "reason": "tried"})
            return answer.status_code, answer.json()

        for value, expected in ((20, 20), ("none", None), (None, 25)):
            status, _ = await changed(h=value)
            assert status in (200, 202)
            assert (await client.get("/tags/E1/GD9")).json()["h"] == expected
        status, problem = await changed(h=25.1)
        assert status == 422
        assert problem["errors"] == ["E1/GD9: h: 25.1 %LEL is too high; GB/T 50493-2019 5.5.2: at most 25 %LEL"]
