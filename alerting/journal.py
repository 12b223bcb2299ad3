"""ALARM to the database: every event and what it makes of its occurrence, once; and every attempt to tell people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec
import structlog
from psycopg.rows import dict_row

from alerting.events import Emission, Event, decode_emission, event_seq
from alerting.notifier import attempts
from alerting.notifier.attempts import Attempt
from alerting.occurrences import Ack, Numbered, Occurrence, fold, moving, place_of
from ingest.store import Overtaken, Store
from line.log import AlarmMessage, Line, LineError
from registry import migrate
from registry.database import Away, Connection, Database, DatabaseError, json_bytes, queries

log = structlog.get_logger()

ROLE = "journal"
POSITIONS, NOTIFICATIONS = "positions", "notifications"
MOST_EVENTS = 5_000  # of one transaction: about 3 MB in hand
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two attempts at the database
TELL_S = 0.5  # how often the line is told how far the database is
GATHER_S = 0.05  # attempts that come within this go into one statement
EARLIEST_MS = -62_135_596_800_000  # the year 1: PostgreSQL's calendar does not reach as far back as a number can

TIMES = ("t", "since", "received_at", "emitted_at", "at", "until")


class Part(NamedTuple):
    """What one transaction writes: the events of some messages of ALARM, and the sequence of the last."""

    last: int
    events: tuple[Numbered, ...]


async def run(line: Line, database_url: str, *, stop: asyncio.Event | None = None) -> None:
    """Works until `stop` is set; what is not committed then is read again at the next start."""
    database = await Database.open(database_url, name=ROLE, connections=2)
    try:
        await Journal(line, database, database_url).run(stop or asyncio.Event())
    finally:
        await database.close()


class Journal:
    """One reader of ALARM, one transaction at a time."""

    def __init__(self, line: Line, database: Database, url: str) -> None:
        self._line, self._database, self._url = line, database, url
        self._store = Store()  # positions
        self._sql = queries("alerting", "journal.sql")
        self._epoch = ""
        self._position = 0

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(self._work(), name="journal"),
                tasks.create_task(self._copy_attempts(), name="notifications"),
                tasks.create_task(self._tell_position(), name="journal position"),
            ]
            await stop.wait()
            for task in working:
                task.cancel()
        log.info("journal ended", position=self._position)

    async def _work(self) -> None:
        while True:
            await self._prepare()
            try:
                async with aclosing(self._line.alarms(self._position)) as lists:
                    async for messages in lists:
                        for part in parts(messages):
                            await self._write(part)
            except Overtaken as error:
                log.warning("another journal works on this database", error=str(error))

    async def _prepare(self) -> None:
        """The database's shape and the position in it; waits for whatever is away."""
        pauses = _pauses()
        while True:
            try:
                await migrate.upgrade(self._url)
                await self._find_position()
                return
            except Away:
                pass  # said in the log by the database itself
            except (DatabaseError, LineError) as error:
                log.error("the journal waits", error=str(error))
            await asyncio.sleep(next(pauses))

    async def _find_position(self) -> None:
        self._epoch = await self._line.epoch()
        found = await self._store.position(self._database, ROLE)
        last = await self._line.last_alarm_seq()
        if found is None or found[0] != self._epoch or found[1] > last:
            log.info("the journal begins with this line", epoch=self._epoch, before=found)
            await self._store.begin_position(self._database, ROLE, self._epoch, 0)
            self._position = 0
            return
        self._position = found[1]
        first = await self._line.first_alarm_seq()
        if self._position and first > self._position + 1:
            log.error("the journal has a gap: the line forgot what was not stored", stored=self._position, first=first)

    async def _write(self, part: Part) -> None:
        """Commits, however long that takes."""
        pauses = _pauses()
        while True:
            try:
                await self._commit(part)
                self._position = part.last
                return
            except Away:
                pass
            except DatabaseError as error:
                log.error("the journal waits", error=str(error), alarm_seq=part.last)
            await asyncio.sleep(next(pauses))

    async def _commit(self, part: Part) -> None:
        async with self._database.transaction() as connection:
            rows = [{**msgspec.to_builtins(event), "seq": seq} for seq, event in part.events]
            if rows:
                await connection.execute(self._sql["add_events"], {"epoch": self._epoch, "rows": _rows(rows)})
            known = await self._known(connection, part)
            changed, acks = fold(known, part.events, self._epoch)
            if changed:
                await connection.execute(self._sql["put_occurrences"], {"rows": _rows(changed)})
            for ack in acks:
                await connection.execute(self._sql["ack_superseded"], _named(ack))
            await self._store.move_position(connection, ROLE, self._epoch, expected=self._position, seq=part.last)

    async def _known(self, connection: Connection, part: Part) -> list[Occurrence]:
        about = [event for _, event in moving(part.events)]
        places = sorted({place_of(event) for event in about})
        if not places:
            return []
        parameters = {
            "ids": sorted({event.alarm_id for event in about if event.alarm_id}),
            "enterprises": [place[0] for place in places],
            "tags": [place[1] for place in places],
            "alarms": [place[2] for place in places],
        }
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(self._sql["known"], parameters)
            return [Occurrence(**row) for row in await cursor.fetchall()]

    async def _tell_position(self) -> None:
        """What may be forgotten is read from here."""
        told = 0
        while True:
            if self._position > told:
                position = self._position
                try:
                    await self._line.put(POSITIONS, ROLE, str(position).encode())
                    told = position
                except LineError as error:
                    log.info("position not told", position=position, error=str(error))
            await asyncio.sleep(TELL_S)

    # Attempts

    async def _copy_attempts(self) -> None:
        """Every attempt that the notifier keeps in the line, when it begins and when it has ended."""
        waiting: dict[str, Attempt] = {}
        arrived = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._put_attempts(waiting, arrived), name="put notifications")
            async with aclosing(self._line.watch(attempts.BUCKET)) as changes:
                async for key, value in changes:
                    if key.startswith(attempts.PREFIX) and value is not None:
                        waiting[key] = attempts.decode(value)
                        arrived.set()

    async def _put_attempts(self, waiting: dict[str, Attempt], arrived: asyncio.Event) -> None:
        pauses = _pauses()
        while True:
            await arrived.wait()
            await asyncio.sleep(GATHER_S)
            arrived.clear()
            taken = dict(waiting)
            try:
                async with self._database.transaction() as connection:
                    rows = [_notification(attempt) for attempt in taken.values()]
                    await connection.execute(self._sql["put_notifications"], {"rows": _rows(rows)})
                newest = max(attempt.at for attempt in taken.values())
                await self._line.put(POSITIONS, NOTIFICATIONS, str(newest).encode())
            except (DatabaseError, LineError) as error:
                if not isinstance(error, Away):
                    log.info("attempts wait for the database", error=str(error))
                arrived.set()
                await asyncio.sleep(next(pauses))
                continue
            pauses = _pauses()
            for key, attempt in taken.items():
                if waiting.get(key) is attempt:
                    del waiting[key]


def parts(messages: Sequence[AlarmMessage]) -> Iterator[Part]:
    """Cuts a list of messages into what one transaction takes."""
    events: list[Numbered] = []
    for place, message in enumerate(messages):
        emission: Emission = decode_emission(message.payload)
        events += [
            Numbered(event_seq(message.seq, index), _dated(event)) for index, event in enumerate(emission.events)
        ]
        if len(events) >= MOST_EVENTS or place == len(messages) - 1:
            yield Part(message.seq, tuple(events))
            events = []


def _dated(event: Event) -> Event:
    """With times that a calendar has: a gateway may say anything."""
    early = {name: EARLIEST_MS for name in TIMES if (getattr(event, name) or 0) < EARLIEST_MS}
    return msgspec.structs.replace(event, **early) if early else event


def _notification(attempt: Attempt) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(attempt)
    detail = {name: row.pop(name) for name in ("key", "done_at", "covers", "accepted") if name in row}
    return {**row, "detail": detail}


def _rows(rows: Sequence[object]) -> object:
    """As one JSON parameter; PostgreSQL's JSON takes no NUL, which a person may have typed into a comment."""
    return json_bytes(msgspec.json.encode(rows).replace(b"\\u0000", b"\\ufffd"))


def _named(ack: Ack) -> dict[str, object]:
    enterprise, tag, alarm = ack.place
    return {
        "enterprise": enterprise, "tag": tag, "alarm": alarm,
        "epoch": ack.epoch, "seq": ack.seq, "at": ack.at, "by": ack.by,
    }  # fmt: skip


def _pauses() -> Iterator[float]:
    pause_s = SHORTEST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
