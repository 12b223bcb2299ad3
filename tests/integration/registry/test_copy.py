"""A registry version as rows: once, again, changed, retired, and never backwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from registry import migrate
from registry.copy import copy_site
from registry.csvfiles import read_folder
from registry.database import Database
from registry.merge import merge
from registry.site import Site
from tests.unit.registry.sites import FILES, small_site, with_files


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate.upgrade(database_url)
    opened = await Database.open(database_url, name="test")
    yield opened
    await opened.close()


async def put(database: Database, site: Site, version: int) -> bool:
    async with database.transaction() as connection:
        return await copy_site(
            connection, msgspec.structs.replace(site, version=version, made_at_ms=version * 1000, made_by="me")
        )


async def asked(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return await (await connection.execute(query)).fetchall()


async def test_every_row_has_its_place(database: Database) -> None:
    site = small_site()
    assert await put(database, site, 1)
    assert await asked(database, "SELECT code, parent FROM hazardwatch.region ORDER BY 1") == [
        ("C", "P"),
        ("K", "C"),
        ("P", None),
    ]
    points = await asked(database, "SELECT id, tag, kind FROM hazardwatch.point WHERE enterprise = 'E' ORDER BY id")
    assert (1, "S.LT", "level") in points
    assert [tag for _, tag, _ in points if tag.startswith("platform")] == [
        "platform.offline.GW1",
        "platform.clock.GW1",
    ]
    assert await asked(database, "SELECT rule, columns -> 'inputs' ->> 'flow' FROM hazardwatch.rule") == [
        ("S-FLAT", "S.FI")
    ]
    assert "json://" not in str(await asked(database, "SELECT site FROM hazardwatch.site_version"))


async def test_the_same_version_again_changes_nothing(database: Database) -> None:
    assert await put(database, small_site(), 1)
    assert not await put(database, small_site(), 1)


async def test_a_retired_tag_keeps_its_name_for_history_and_comes_back_as_another_point(database: Database) -> None:
    site = small_site()
    await put(database, site, 1)
    keep = FILES["tags.csv"].replace("E,S,S.LT,level,m,GW1,0,10,1,8,9\n", "")
    without = with_files(site, tags=keep, rules=FILES["rules.csv"].splitlines()[0] + "\n", prune=True).site
    await put(database, without, 2)
    query = "SELECT id, retired_at IS NOT NULL FROM hazardwatch.point WHERE enterprise='E' AND tag='S.LT' ORDER BY id"
    assert await asked(database, query) == [(1, True)]
    await put(database, with_files(without, tags=FILES["tags.csv"]).site, 3)
    back = await asked(database, query)
    assert back[0] == (1, True)
    assert len(back) == 2
    assert not back[1][1]


async def test_an_older_version_that_comes_late_is_history_only(database: Database) -> None:
    site = small_site()
    await put(database, with_files(site, regions="code,name\nP,Renamed\n").site, 2)
    assert not await put(database, site, 1)
    assert await asked(database, "SELECT name FROM hazardwatch.region WHERE code = 'P'") == [("Renamed",)]
    assert await asked(database, "SELECT version FROM hazardwatch.site_version ORDER BY 1") == [(1,), (2,)]


async def test_the_demo_site_fits(database: Database, demo_folder: Any) -> None:
    assert await put(database, merge(Site(), read_folder(demo_folder)).site, 1)
    (count,) = (await asked(database, "SELECT count(*) FROM hazardwatch.point"))[0]
    assert count > 134
