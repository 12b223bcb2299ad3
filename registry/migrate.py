"""The numbered SQL files of registry/migrations to a database of this release's shape."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

from registry.database import Connection, DatabaseError, session, succeeds

NAME = re.compile(r"(\d{4})_([a-z0-9_]+?)(?:\.(postgres|timescale))?\.sql")
LOCK = 0x4A5A5744  # any number that nobody else locks: one upgrade at a time

OUR_TABLE: LiteralString = """
CREATE SCHEMA IF NOT EXISTS hazardwatch;
CREATE TABLE IF NOT EXISTS hazardwatch.migration (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    variant     text NOT NULL,
    sha256      text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(DatabaseError):
    """The database was not made by the migrations of this release or an older one."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step; `variant` is postgres or timescale where the step differs, else empty."""

    number: int
    name: str
    variant: str
    sql: LiteralString

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Status:
    """`applied` and `pending` are names in order; `timescale` says which variant this database has or would get."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    timescale: bool


def shipped(*, timescale: bool) -> list[Migration]:
    """This release's migrations for one kind of database, in order."""
    wanted = "timescale" if timescale else "postgres"
    found = []
    for file in files("registry").joinpath("migrations").iterdir():
        match = NAME.fullmatch(file.name)
        if match and match[3] in (None, wanted):
            found.append(Migration(int(match[1]), match[2], match[3] or "", file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.number)


async def upgrade(url: str, migrations: Iterable[Migration] | None = None) -> list[str]:
    """Applies what is missing, each migration in a transaction of its own, and returns the names of those.

    Several roles may start at once: an advisory lock lets one work while the others wait, and find nothing to do.
    """
    async with session(url) as connection:  # the lock goes with the session
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        return await _upgrade(connection, migrations)


async def status(url: str) -> Status:
    """What is applied and what is not; changes nothing."""
    async with session(url) as connection:
        applied = await _applied(connection)
        timescale = await _chosen(connection, applied) == "timescale"
        known = shipped(timescale=timescale)
        _check(applied, known)
        return Status(
            tuple(f"{m.number:04}_{m.name}" for m in known if m.number in applied),
            tuple(f"{m.number:04}_{m.name}" for m in known if m.number not in applied),
            timescale,
        )


async def _upgrade(connection: Connection, migrations: Iterable[Migration] | None) -> list[str]:
    applied = await _applied(connection)
    chosen = await _chosen(connection, applied)
    if chosen == "ready":  # where it is not ours to create, plain PostgreSQL will do
        created = await succeeds(connection, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        chosen = "timescale" if created else "postgres"
    timescale = chosen == "timescale"
    known = list(migrations) if migrations is not None else shipped(timescale=timescale)
    _check(applied, known)
    await connection.execute(OUR_TABLE)
    done = []
    for migration in known:
        if migration.number in applied:
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO hazardwatch.migration (number, name, variant, sha256) VALUES (%s, %s, %s, %s)",
                (migration.number, migration.name, migration.variant, migration.sha256),
            )
        done.append(f"{migration.number:04}_{migration.name}")
    return done


async def _applied(connection: Connection) -> dict[int, tuple[str, str, str]]:
    """number -> (name, variant, sha256)."""
    cursor = await connection.execute("SELECT to_regclass('hazardwatch.migration') IS NOT NULL")
    row = await cursor.fetchone()
    if not row or not row[0]:
        return {}
    cursor = await connection.execute("SELECT number, name, variant, sha256 FROM hazardwatch.migration")
    return {number: (name, variant, sha256) for number, name, variant, sha256 in await cursor.fetchall()}


async def _chosen(connection: Connection, applied: dict[int, tuple[str, str, str]]) -> str:
    """timescale, postgres, or ready: a new database whose server has TimescaleDB loaded but not created here.

    What the first upgrade chose holds for good.
    """
    variants = {variant for _, variant, _ in applied.values()} - {""}
    if variants:
        return variants.pop()
    cursor = await connection.execute(
        """
        SELECT CASE
            WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN 'timescale'
            WHEN EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
                 AND current_setting('shared_preload_libraries', true) LIKE '%timescaledb%' THEN 'ready'
            ELSE 'postgres' END
        """
    )
    row = await cursor.fetchone()
    return str(row[0]) if row else "postgres"


def _check(applied: dict[int, tuple[str, str, str]], known: list[Migration]) -> None:
    """What is applied must be, byte for byte, what this release ships."""
    by_number = {migration.number: migration for migration in known}
    for number, (name, _, sha256) in sorted(applied.items()):
        if number not in by_number:
            raise MigrationError(
                f"the database has migration {number:04}_{name}, which this release does not know: it is of a newer one"
            )
        if by_number[number].sha256 != sha256:
            raise MigrationError(f"migration {number:04}_{name} is not the one that was applied to this database")
