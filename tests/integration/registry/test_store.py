"""Versions of the site on a real line: published once, in order, by many, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import msgspec
import pytest

from line import messages
from line.log import Line
from registry import store
from registry.faults import SiteFaults
from registry.site import Site
from registry.store import Published
from tests.unit.registry.sites import FILES

NOW_MS = 1_800_000_000_000


def now_ms() -> int:
    return NOW_MS


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


async def put(line: Line, **files: str) -> Published:
    return await store.import_files(
        line, encoded({f"{name}.csv": text for name, text in files.items()}), by="me", now_ms=now_ms
    )


async def first_import(line: Line) -> Published:
    return await store.import_files(line, encoded(FILES), by="me", now_ms=now_ms)


async def changes(line: Line, count: int) -> list[int]:
    """The versions on INPUT, once there are `count`."""
    found: list[int] = []
    async with asyncio.timeout(10), aclosing(line.inputs(0)) as lists:
        async for inputs in lists:
            for message in inputs:
                change = messages.decode(message.kind, message.payload)
                assert isinstance(change, messages.RegistryChange)
                found.append(change.version)
            if len(found) >= count:
                break
    return found


async def role(line: Line, name: str, version: int, *, at_ms: int = NOW_MS) -> None:
    status = {"role": name, "at_ms": at_ms, "registry": version, "degraded": []}
    await line.put("roles", name, msgspec.json.encode(status))


async def test_before_the_first_import_the_site_is_empty(line: Line) -> None:
    assert await store.head(line) == 0
    assert await store.current(line) == Site()
    assert await store.announce(line, now_ms=now_ms) == 0


async def test_an_import_is_a_version_that_the_roles_read_from_the_input(line: Line) -> None:
    published = await first_import(line)
    assert (published.version, published.waiting) == (1, ())
    assert published.counts["tags.csv"].added == 3
    site = await store.current(line)
    assert (site.version, site.made_at_ms, site.made_by, site.reason) == (1, NOW_MS, "me", "import")
    assert await changes(line, 1) == [1]
    assert (await put(line, regions="code,name\nP,Renamed\n")).version == 2
    assert await changes(line, 2) == [1, 2]
    assert (await store.load(line, 1)).regions["P"].name == "Province"
    assert (await store.load(line, 2)).regions["P"].name == "Renamed"


async def test_an_import_that_changes_nothing_makes_no_version(line: Line) -> None:
    await first_import(line)
    again = await first_import(line)
    assert (again.version, again.counts["tags.csv"].unchanged) == (1, 3)
    assert await changes(line, 1) == [1]


async def test_faults_change_nothing(line: Line) -> None:
    await first_import(line)
    with pytest.raises(SiteFaults, match="there is no region NO"):
        await put(line, enterprises="code,name,region\nE,Works,NO\n")
    assert await store.head(line) == 1


async def test_imports_at_once_all_come_into_force(line: Line) -> None:
    await first_import(line)
    names = [f"R{number}" for number in range(5)]
    published = await asyncio.gather(*(put(line, regions=f"code,name\n{name},Region\n") for name in names))
    assert len({one.version for one in published}) == len(names)
    assert set(names) <= set((await store.current(line)).regions)
    assert sorted(await changes(line, 6)) == sorted({1} | {one.version for one in published})


async def test_a_publisher_that_died_half_way_stops_nobody(line: Line) -> None:
    await first_import(line)
    await line.create("registry", "v000002", b"died here")
    assert (await put(line, regions="code,name\nZ,Zone\n")).version == 3
    assert (await store.current(line)).regions["Z"].name == "Zone"


async def test_an_import_waits_for_running_roles_and_says_who_is_missing(line: Line) -> None:
    await role(line, "engine", 0)
    await role(line, "historian", 0, at_ms=NOW_MS - 60_000)  # not running: it is not waited for
    importing = asyncio.create_task(first_import(line))
    await changes(line, 1)
    await role(line, "engine", 1)
    assert (await importing).waiting == ()
    waiting = await store.wait_for_roles(line, 2, now_ms=now_ms, patience_s=0.2)
    assert waiting == ("engine",)


async def test_a_version_that_a_publisher_did_not_announce_is_announced_by_the_next_import(line: Line) -> None:
    await first_import(line)
    await role(line, "engine", 0)
    again = asyncio.create_task(first_import(line))
    assert await changes(line, 2) == [1, 1]
    await role(line, "engine", 1)
    assert (await again).version == 1


async def test_one_tags_limits_can_be_changed(line: Line) -> None:
    await first_import(line)
    published = await store.change_tag(
        line, "E", "S.LT", {"h": 7.5, "hh": None, "h_latch": True}, reason="trial", by="ann", now_ms=now_ms
    )
    assert published.version == 2
    site = await store.current(line)
    tag = site.tags["E/S.LT"]
    assert (tag.h, tag.hh, tag.l, tag.overrides["H"].latch) == (7.5, None, 1.0, True)
    assert (site.made_by, site.reason) == ("ann", "trial")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"hh": 2}, "E/S.LT: hh: HH 2 must be above H 8"),
        ({"h": "high"}, "E/S.LT: h: 'high' is no number"),
        ({"tag": "OTHER"}, "E/S.LT: tag: is what the tag is called"),
        ({"colour": "red"}, "E/S.LT: colour: is no column"),
        ({"kind": None}, "E/S.LT: kind: is empty"),
    ],
)
async def test_a_change_that_contradicts_is_refused(line: Line, change: dict[str, object], fault: str) -> None:
    await first_import(line)
    with pytest.raises(SiteFaults) as error:
        await store.change_tag(line, "E", "S.LT", change, reason="trial", by="ann", now_ms=now_ms)
    assert str(error.value).startswith(fault)
    assert await store.head(line) == 1


async def test_a_tag_that_is_not_there_cannot_be_changed(line: Line) -> None:
    await first_import(line)
    for tag in ("NO", "platform.offline.GW1"):
        with pytest.raises(store.UnknownTag):
            await store.change_tag(line, "E", tag, {"h": 1}, reason="r", by="ann", now_ms=now_ms)


async def test_sites_come_as_they_come_into_force(line: Line) -> None:
    await first_import(line)
    seen: list[int] = []
    async with asyncio.timeout(10), aclosing(store.sites(line)) as found:
        async for site in found:
            seen.append(site.version)
            if site.version == 1:
                await put(line, regions="code,name\nZ,Zone\n")
            else:
                break
    assert seen == [1, 2]
