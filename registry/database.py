"""A database URL to connections, transactions and plain errors: the one door to PostgreSQL and TimescaleDB."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

log = structlog.get_logger()
Row = TypeVar("Row")
Connection = AsyncConnection[Any]

SCHEMA = "hazardwatch"
UNTRIED = "not tried yet"
LONGEST_PAUSE_S = 5.0  # between two attempts to reach a database that is away


class DatabaseError(Exception):
    """The database refused what was asked; asking again changes nothing."""


class Away(DatabaseError):  # noqa: N818  read as a sentence: except Away
    """The database cannot be reached, is starting or stopping, or has no room; ask again later."""


class Duplicate(DatabaseError):  # noqa: N818
    """A row with this key is there already; the whole transaction was undone."""


class Missing(DatabaseError):  # noqa: N818
    """A table, partition or column is not there: the migrations have not run, or this row has no place yet."""


class Database:
    """A pool of connections that is there before the database is; open with `open`, end with `close`."""

    def __init__(self, url: str, *, name: str, connections: int, patience_s: float) -> None:
        self.name = name
        self.url = url
        self.fault: str | None = UNTRIED  # why the last attempt failed; None while it answers
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=self._watched(),
            min_size=0,
            max_size=connections,
            open=False,
            timeout=patience_s,
            max_idle=300.0,
            reconnect_timeout=5.0,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            kwargs={"application_name": f"hazardwatch {name}", "connect_timeout": 5, "autocommit": True},
        )

    @classmethod
    async def open(cls, url: str, *, name: str, connections: int = 4, patience_s: float = 5.0) -> Database:
        """Returns at once, whether the database answers or not; FaultyUrl where `url` is none.

        A caller waits at most `patience_s` for a connection, then gets Away.
        """
        check_url(url)
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # we say it ourselves, once per reason
        database = cls(url, name=name, connections=connections, patience_s=patience_s)
        await database._pool.open(wait=False)
        return database

    async def close(self) -> None:
        await self._pool.close()

    @property
    def answers(self) -> bool:
        """Whether the last attempt to use it succeeded."""
        return self.fault is None

    async def wait(self) -> None:
        """Returns once the database answers; tries for ever, and says in the log why it must wait, once per reason."""
        pause_s = 0.1
        while True:
            try:
                async with self.connection() as connection:
                    await connection.execute("SELECT 1")
                return
            except Away:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that commits each statement by itself; errors come out as ours."""
        with _translated(self):
            async with self._pool.connection() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction: committed at the end, undone where an exception leaves it."""
        with _translated(self):
            async with self._pool.connection() as connection, connection.transaction():
                yield connection

    async def rows(self, row: type[Row], query: LiteralString, /, **parameters: Any) -> list[Row]:
        """What a query with named parameters (`%(name)s`) answers, each row as a `row`."""
        async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(query, parameters)
            return await cursor.fetchall()

    def _watched(self) -> type[Connection]:
        """Connections that tell this object why one could not be made; the pool keeps that to itself."""
        database = self

        class Watched(Connection):
            @classmethod
            async def connect(cls, *args: Any, **kwargs: Any) -> Any:
                try:
                    return await super().connect(*args, **kwargs)
                except psycopg.Error as error:
                    database._say(str(translate(error)))
                    raise

        return Watched

    def _say(self, fault: str | None) -> None:
        if fault != self.fault:
            if fault is not None:
                log.warning("database away", role=self.name, error=fault)
            elif self.fault != UNTRIED:
                log.info("database answers again", role=self.name)
            self.fault = fault


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Connection]:
    """One connection outside any pool, each statement committed by itself; for work that is done once."""
    check_url(url)
    try:
        async with await AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as connection:
            await _configure(connection)
            yield connection
    except psycopg.Error as error:
        raise translate(error) from error


async def succeeds(connection: Connection, statement: LiteralString) -> bool:
    """Runs a statement that the server may refuse, and says whether it did not."""
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except psycopg.Error as error:
        if isinstance(translate(error), Away):
            raise
        return False
    return True


def queries(package: str, file: str) -> dict[str, LiteralString]:
    """The named queries of an .sql file of ours: each begins with a line `-- name: what it is called`."""
    found: dict[str, LiteralString] = {}
    for part in files(package).joinpath(file).read_text("utf-8").split("-- name: ")[1:]:
        name, _, sql = part.partition("\n")
        found[name.strip()] = sql.strip()
    return found


def json_bytes(encoded: bytes) -> Jsonb:
    """JSON that is encoded already, as a jsonb parameter."""
    return Jsonb(encoded, dumps=_as_it_is)


def _as_it_is(encoded: bytes) -> bytes:
    return encoded


class FaultyUrl(DatabaseError):  # noqa: N818
    """The database URL cannot be understood."""


def check_url(url: str) -> None:
    """FaultyUrl where this is no PostgreSQL URL; never repeats the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FaultyUrl(f"the database URL cannot be read: {error}") from error
    if parts.scheme not in ("postgresql", "postgres"):
        raise FaultyUrl("the database URL must begin with postgresql://")
    if port == 0:
        raise FaultyUrl("the port of the database URL must be 1 to 65535")


async def unsafe_settings(database: Database) -> list[str]:
    """The server's settings under which "stored" would not mean stored after a power cut, as `name=value`."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            """
            SELECT name, coalesce(reset_val, setting) FROM pg_settings
            WHERE (name IN ('fsync', 'full_page_writes', 'synchronous_commit')) ORDER BY name
            """
        )
        return [f"{name}={value}" for name, value in await cursor.fetchall() if value == "off"]


async def _configure(connection: Connection) -> None:
    """Each new connection: confirmed means on disk, and times are UTC."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    await connection.execute("SET timezone = 'UTC'")


@contextmanager
def _translated(database: Database) -> Iterator[None]:
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        busy = database.fault in (None, UNTRIED)
        fault = "no connection in time" if busy else database.fault
        database._say(fault)  # noqa: SLF001  its own class, in its own file
        raise Away(f"the database does not answer: {fault}") from error
    except psycopg.Error as error:
        ours = translate(error)
        if isinstance(ours, Away):
            database._say(str(ours))  # noqa: SLF001
        else:
            database._say(None)  # noqa: SLF001
        raise ours from error
    else:
        database._say(None)  # noqa: SLF001


AWAY_CLASSES = ("08", "53", "57", "58")  # connection, no resources (a full disk too), operator's intervention, system
AWAY_CODES = ("40001", "40P01", "55P03", "25006")  # serialisation, deadlock, lock not available, read-only standby


def translate(error: psycopg.Error) -> DatabaseError:
    """psycopg's errors to ours: is it worth asking again?"""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    code = error.sqlstate
    if code is None:
        lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        return Away(text) if lost else DatabaseError(text)
    if code[:2] in AWAY_CLASSES or code in AWAY_CODES:
        return Away(text)
    if code == "23505":
        return Duplicate(text)
    if code in ("42P01", "42703", "3F000", "42883") or (code == "23514" and "no partition" in text):
        return Missing(text)
    return DatabaseError(text)
