"""Versions of the site on the line: read the one in force, put the next one in force, learn who works with it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing

import msgspec

from line.log import Conflict, Line
from line.messages import RegistryChange
from registry.columns import SHEETS, show
from registry.csvfiles import Row, Table, cell
from registry.faults import Fault, RegistryError, SiteFaults
from registry.merge import Count, Merged, merge, merge_tables
from registry.site import Site

BUCKET, HEAD, OBJECTS, ROLES = "registry", "head", "sites", "roles"
TAG_SHEET = next(sheet for sheet in SHEETS if sheet.file == "tags.csv")

RUNNING_MS = 5_000  # a role that wrote its status within this time is running
PATIENCE_S = 5.0  # how long an import waits for the roles before it answers who is missing
MOST_ATTEMPTS = 20  # publishers that get in between: each attempt that fails means another one succeeded


class UnknownTag(RegistryError):  # noqa: N818  what is missing
    """The site has no such tag, or it is one of the platform's own."""


class Published(msgspec.Struct, frozen=True):
    """The version in force after a change, what the change did, and the running roles that do not work with it yet.

    `warnings` are no faults, but should be looked at.
    """

    version: int
    counts: dict[str, Count]
    waiting: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()


class _Head(msgspec.Struct, frozen=True):
    version: int


class _RoleStatus(msgspec.Struct, frozen=True):
    role: str = ""
    at_ms: int = 0
    registry: int = 0


async def head(line: Line) -> int:
    """The version in force; 0 before the first import."""
    return (await _head(line))[0]


async def current(line: Line) -> Site:
    """The site in force; an empty one before the first import."""
    version = await head(line)
    return await load(line, version) if version else Site()


async def load(line: Line, version: int) -> Site:
    """One version, also an old one; RegistryError where the line does not hold it."""
    data = await line.get_object(OBJECTS, _name(version))
    if data is None:
        raise RegistryError(f"registry version {version} is not in the line")
    try:
        return await asyncio.to_thread(_decoded, data)
    except (zlib.error, msgspec.DecodeError) as error:
        raise RegistryError(f"registry version {version} cannot be read: {error}") from error


async def sites(line: Line) -> AsyncGenerator[Site, None]:
    """The site in force, then each newer one; for roles that do not read INPUT. Use with `contextlib.aclosing`."""
    seen = 0
    async with aclosing(line.watch(BUCKET)) as changes:
        async for key, value in changes:
            if key == HEAD and value is not None:
                version = msgspec.json.decode(value, type=_Head).version
                if version > seen:
                    seen = version
                    yield await load(line, version)


async def import_files(
    line: Line, files: Mapping[str, bytes], *, by: str, now_ms: Callable[[], int], prune: bool = False
) -> Published:
    """Merges a folder's files into the site as one version; SiteFaults changes nothing."""
    return await _publish(line, lambda site: merge(site, files, prune=prune), by=by, reason="import", now_ms=now_ms)


async def change_tag(
    line: Line,
    enterprise: str,
    tag: str,
    changes: Mapping[str, object],
    *,
    reason: str,
    by: str,
    now_ms: Callable[[], int],
) -> Published:
    """Changes columns of one tag (limits, delays, ...) as one version; None empties a cell. SiteFaults, UnknownTag."""
    return await _publish(
        line, lambda site: _changed(site, enterprise, tag, changes), by=by, reason=reason, now_ms=now_ms
    )


async def announce(line: Line, *, now_ms: Callable[[], int]) -> int:
    """Puts the version in force on INPUT once more, for a publisher that died before it could; returns it.

    Readers of INPUT ignore a version that is not newer than theirs.
    """
    version = await head(line)
    if version:
        await line.append(RegistryChange(version, now_ms()))
    return version


async def waiting(line: Line, version: int, *, now_ms: Callable[[], int]) -> tuple[str, ...]:
    """The running roles that work with an older version."""
    late = []
    for name, value in (await line.entries(ROLES)).items():
        try:
            status = msgspec.json.decode(value, type=_RoleStatus)
        except msgspec.DecodeError:
            continue
        if status.at_ms > now_ms() - RUNNING_MS and status.registry < version:
            late.append(status.role or name)
    return tuple(sorted(late))


async def wait_for_roles(
    line: Line, version: int, *, now_ms: Callable[[], int], patience_s: float = PATIENCE_S
) -> tuple[str, ...]:
    """Returns once every running role works with a version, or after `patience_s` who does not."""
    if not await waiting(line, version, now_ms=now_ms):
        return ()
    try:
        async with asyncio.timeout(patience_s), aclosing(line.watch(ROLES)) as statuses:
            async for _ in statuses:
                if not await waiting(line, version, now_ms=now_ms):
                    return ()
    except TimeoutError:
        pass
    return await waiting(line, version, now_ms=now_ms)


async def _publish(
    line: Line, change: Callable[[Site], Merged], *, by: str, reason: str, now_ms: Callable[[], int]
) -> Published:
    for _ in range(MOST_ATTEMPTS):
        before, revision = await _head(line)
        merged = await asyncio.to_thread(
            change, await load(line, before) if before else Site()
        )  # seconds, for a country
        if not merged.is_change:
            if await waiting(line, before, now_ms=now_ms):
                await announce(line, now_ms=now_ms)
            version = before
            break
        try:
            version = await _put(line, merged.site, before, revision, by=by, reason=reason, at_ms=now_ms())
        except Conflict:
            continue  # somebody else published meanwhile: merge into theirs
        await line.append(RegistryChange(version, now_ms()))
        break
    else:
        raise RegistryError("other changes of the registry kept coming in between; try again")
    late = await wait_for_roles(line, version, now_ms=now_ms)
    return Published(version, merged.counts, late, merged.warnings)


async def _put(line: Line, site: Site, before: int, revision: int, *, by: str, reason: str, at_ms: int) -> int:
    """The site as the next version. Its number is claimed first, so that nobody else writes the same object."""
    version = await _claim(line, before + 1, by)
    made = msgspec.structs.replace(site, version=version, made_at_ms=at_ms, made_by=by, reason=reason)
    await line.put_object(OBJECTS, _name(version), await asyncio.to_thread(_encoded, made))
    value = msgspec.json.encode(_Head(version))
    if before:
        await line.update(BUCKET, HEAD, value, revision)
    else:
        await line.create(BUCKET, HEAD, value)
    return version


def _encoded(site: Site) -> bytes:
    return zlib.compress(msgspec.json.encode(site))


def _decoded(data: bytes) -> Site:
    return msgspec.json.decode(zlib.decompress(data), type=Site)


async def _claim(line: Line, version: int, by: str) -> int:
    """The first number from `version` on that nobody claimed; a publisher that died leaves a gap."""
    while True:
        try:
            await line.create(BUCKET, _name(version), by.encode())
        except Conflict:
            version += 1
        else:
            return version


async def _head(line: Line) -> tuple[int, int]:
    """The version in force and the revision of its entry."""
    found = await line.get(BUCKET, HEAD)
    if found is None:
        return 0, 0
    return msgspec.json.decode(found[0], type=_Head).version, found[1]


class TagChange(msgspec.Struct, frozen=True):
    """New cells of one tag's row by column; None empties one."""

    enterprise: str
    tag: str
    cells: Mapping[str, object]


def changed_tags(site: Site, changes: Iterable[TagChange]) -> Site:
    """The site with changed columns of many tags, checked but not published; SiteFaults, UnknownTag.

    Takes seconds for a country, however many tags change: those with the same columns are merged at once.
    """
    alike: dict[tuple[str, ...], dict[str, TagChange]] = {}
    seen: set[str] = set()
    for change in changes:
        key = f"{change.enterprise}/{change.tag}"
        if key in seen:
            raise SiteFaults([Fault(key, 0, "", "is changed twice; once will do")])
        seen.add(key)
        alike.setdefault(tuple(sorted(change.cells)), {})[key] = change
    for group in alike.values():
        site = _merged(site, group).site
    return site


def _merged(site: Site, changes: Mapping[str, TagChange]) -> Merged:
    """Changes of the same columns, by the tag's key, as one table."""
    keys, rows = list(changes), []
    for line, (key, change) in enumerate(changes.items(), 1):
        row = site.tags.get(key)
        if row is None:
            raise UnknownTag(f"there is no tag {key}")
        for name in TAG_SHEET.key:
            if name in change.cells:
                raise SiteFaults([Fault(key, 0, name, "is what the tag is called and cannot be changed")])
        required = {column.name: show(getattr(row, column.name)) for column in TAG_SHEET.columns if column.required}
        rows.append(Row(line, {**required, **{name: cell(show(value)) for name, value in change.cells.items()}}))
    try:
        return merge_tables(site, [Table(TAG_SHEET.file, tuple(rows[0].cells), tuple(rows))])
    except SiteFaults as error:
        faults = [Fault(keys[max(fault.line, 1) - 1], 0, fault.column, fault.text) for fault in error.faults]
        raise SiteFaults(faults) from error


def _changed(site: Site, enterprise: str, tag: str, changes: Mapping[str, object]) -> Merged:
    return _merged(site, {f"{enterprise}/{tag}": TagChange(enterprise, tag, changes)})


def _name(version: int) -> str:
    return f"v{version:06}"
