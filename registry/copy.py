"""A registry version to rows of the database: the copy that SQL sees, and the history of versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from registry.database import Connection, json_bytes, queries
from registry.platform import with_platform
from registry.site import Site

KEPT_FOR_HISTORY = ("gateways", "tags", "rules")  # what has an id: its history keeps its name after it is retired


async def copy_site(connection: Connection, site: Site) -> bool:
    """Writes a version into the caller's transaction; false where this or a newer one is there already.

    Contacts stay out: their channels may hold secrets.
    """
    sql = queries("registry", "copy.sql")
    made_at = datetime.fromtimestamp(site.made_at_ms / 1000, UTC)
    newest = await (await connection.execute(sql["newest_version"])).fetchone()
    whole = with_platform(site)
    added = await connection.execute(
        sql["add_version"],
        {
            "version": site.version,
            "made_at": made_at,
            "made_by": site.made_by,
            "reason": site.reason,
            "rows": json_bytes(msgspec.json.encode(msgspec.structs.replace(site, contacts={}))),
        },
    )
    if await added.fetchone() is None or (newest is not None and newest[0] > site.version):
        return False
    await connection.execute(sql["forget_rows"])
    for kind in ("regions", "enterprises", "sources", *KEPT_FOR_HISTORY):
        rows: Iterable[msgspec.Struct] = getattr(whole, kind).values()
        await connection.execute(sql[kind], {"rows": json_bytes(msgspec.json.encode(list(rows)))})
    for kind in KEPT_FOR_HISTORY:
        ids = [row.id for row in getattr(whole, kind).values()]
        await connection.execute(sql[f"retire_{kind}"], {"at": made_at, "ids": ids})
    return True
