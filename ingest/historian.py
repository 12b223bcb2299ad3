"""The role `historian`: what is on INPUT goes into the database, once, however often either of them goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from math import isnan

import structlog

from ingest.decode import GOOD, Reason
from ingest.keeping import Keeping, Kept
from ingest.rejects import keep_pruned
from ingest.rows import Rows, rows_of
from ingest.status import RoleStatus, tell
from ingest.store import Overtaken, Store
from ingest.trimming import POSITIONS, keep_trimmed
from line.clock import SteadyClock
from line.log import InputMessage, Line, LineError
from line.messages import Batch, Input, RegistryChange, Reject, decode
from registry import migrate
from registry.copy import copy_site
from registry.database import Away, Database, DatabaseError, Missing
from registry.faults import RegistryError
from registry.site import Site
from registry.store import current, load, sites

log = structlog.get_logger()

ROLE = "historian"
MOST_ROWS = 50_000  # of one transaction: about 10 MB in hand
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two attempts at the database
TELL_S = 0.5  # how often the line is told how far the database is


async def run(line: Line, database_url: str, *, stop: asyncio.Event | None = None, kept: Kept | None = None) -> None:
    """Works until `stop` is set; what is not committed then is read again at the next start."""
    database = await Database.open(database_url, name=ROLE)
    try:
        clock = await SteadyClock.open(line)
        await Historian(line, database, database_url, clock, kept).run(stop or asyncio.Event())
    finally:
        await database.close()


@dataclass(slots=True)
class Counts:
    """Since the start of the role."""

    readings: int = 0
    repeats: int = 0
    same_time: int = 0
    rejects: int = 0
    transactions: int = 0
    commit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one transaction writes: some messages of INPUT, and the sequence of the last."""

    last: int
    batches: tuple[Batch, ...]
    versions: tuple[int, ...]


@dataclass(slots=True)
class Names:
    """What ids mean, for rejects that a reader understands."""

    tags: dict[int, str] = field(default_factory=dict)
    gateways: dict[int, tuple[str, str]] = field(default_factory=dict)
    version: int = 0

    def learn(self, site: Site) -> None:
        self.tags.update({tag.id: tag.tag for tag in site.tags.values()})
        self.gateways.update({one.id: (one.enterprise, one.code) for one in site.gateways.values()})
        self.version = site.version


class Historian:
    """One reader, one transaction at a time; messages that arrive meanwhile go into the next one together."""

    def __init__(self, line: Line, database: Database, url: str, clock: SteadyClock, kept: Kept | None = None) -> None:
        self._line, self._database, self._url, self._clock = line, database, url, clock
        self._store = Store()
        self._names = Names()
        self._counts = Counts()
        self._keeping = Keeping(url, kept or Kept())
        self._epoch = ""
        self._position = 0
        self._prepared = False  # whether the position is known
        self._storage: str | None = None
        self._trouble: str | None = "database"

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(self._clock.follow(self._line), name="clock"),
                tasks.create_task(self._follow_registry(), name="registry"),
                tasks.create_task(tell(self._line, self._status), name="status"),
                tasks.create_task(self._tell_position(), name="position"),
                tasks.create_task(keep_trimmed(self._line), name="trimming"),
                tasks.create_task(keep_pruned(self._database, self._clock.now_ms), name="old rejects"),
                tasks.create_task(self._keeping.run(), name="rollups"),
                tasks.create_task(self._work(), name="work"),
            ]
            await stop.wait()
            for task in working:
                task.cancel()
        log.info("historian ended", position=self._position)

    async def _work(self) -> None:
        while True:
            await self._prepare()
            try:
                async with aclosing(self._line.inputs(self._position)) as lists:
                    async for messages in lists:
                        for gathered in gather(messages):
                            await self._write(gathered)
            except Overtaken as error:
                log.warning("another historian works on this database", error=str(error))

    async def _prepare(self) -> None:
        """The database's shape and the position in it; waits for whatever is away."""
        pause_s = SHORTEST_PAUSE_S
        while True:
            try:
                await self._find_position()
                self._prepared = True
                self._say(None)
                return
            except Away:
                self._trouble = "database"  # said in the log by the database itself
            except DatabaseError as error:
                self._say("database", error)
            except LineError as error:
                self._say("line", error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _find_position(self) -> None:
        await migrate.upgrade(self._url)
        self._storage = "timescaledb" if await self._store.is_timescale(self._database) else "postgresql"
        self._epoch = await self._line.epoch()
        found = await self._store.position(self._database, ROLE)
        last = await self._line.last_input()
        if found is None or found[0] != self._epoch or found[1] > last:
            log.info("the database begins with this line", epoch=self._epoch, before=found)
            await self._store.begin_position(self._database, ROLE, self._epoch, 0)
            self._position = 0
        else:
            self._position = found[1]
        first = await self._line.first_input()
        if self._position and first > self._position + 1:
            log.error("history has a gap: the line forgot what was not stored", stored=self._position, first=first)

    async def _write(self, gathered: Gathered) -> None:
        """Commits, however long that takes."""
        pause_s = SHORTEST_PAUSE_S
        while True:
            try:
                begun = asyncio.get_running_loop().time()
                await self._commit(gathered)
                self._say(None)
                self._counts.transactions += 1
                self._counts.commit_s += asyncio.get_running_loop().time() - begun
                self._position = gathered.last
                return
            except Away:
                self._trouble = "database"
            except Missing as error:
                self._say("database", error)
                with suppress(DatabaseError):
                    await migrate.upgrade(self._url)
            except (DatabaseError, RegistryError) as error:
                self._say("database", error)
            except LineError as error:
                self._say("line", error)
            self._store.forget_days()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _commit(self, gathered: Gathered) -> None:
        every = rows_of(gathered.batches)
        kept = [one for batch in gathered.batches for one in batch.rejects]
        statuses = [one for batch in gathered.batches for one in batch.statuses]
        versions = [await self._version(version) for version in gathered.versions]
        await self._store.ensure_days(self._database, every)
        async with self._database.transaction() as connection:
            for site in versions:
                if site is not None:
                    await copy_site(connection, site)
            stored, refused = await self._store.add_readings(connection, every)
            same_time = list(self._same_time(refused))
            await self._store.add_rejects(connection, [*kept, *same_time])
            await self._store.add_statuses(connection, statuses)
            await self._store.move_position(connection, ROLE, self._epoch, expected=self._position, seq=gathered.last)
        counts = self._counts
        counts.readings += stored
        counts.repeats += len(every) - stored - len(refused)
        counts.same_time += len(same_time)
        counts.rejects += len(kept)

    async def _version(self, version: int) -> Site | None:
        try:
            return await load(self._line, version)
        except RegistryError as error:  # an old version that the line forgot: a newer one follows
            log.warning("registry version not copied", version=version, error=str(error))
            return None

    def _same_time(self, rows: Rows) -> Iterator[Reject]:
        """Readings whose tag has another value at that time already, as rejects."""
        for place in range(len(rows)):
            gateway = int(rows.gateways[place])
            enterprise, code = self._names.gateways.get(gateway, ("", str(gateway)))
            tag = self._names.tags.get(int(rows.points[place]), str(rows.points[place]))
            value, quality = float(rows.values[place]), int(rows.qualities[place])
            said: dict[str, object] = {"ts": int(rows.t_ms[place]), "values": {tag: None if isnan(value) else value}}
            if quality != GOOD:
                said["quality"] = {tag: quality}
            payload = json.dumps(said).encode()
            yield Reject(
                Reason.SAME_TIME.value,
                f"hazard/v1/{enterprise}/{code}/readings",
                int(rows.received_ms[place]),
                payload,
                len(payload),
                sha256(payload).hexdigest(),
                "this tag has another value at this time already",
                enterprise,
                code,
                tag,
            )

    async def _follow_registry(self) -> None:
        while True:
            try:
                self._names.learn(await current(self._line))
                async with aclosing(sites(self._line)) as versions:
                    async for site in versions:
                        self._names.learn(site)
            except (LineError, RegistryError) as error:
                log.warning("registry version not read", role=ROLE, error=str(error))
                await asyncio.sleep(LONGEST_PAUSE_S)

    async def _tell_position(self) -> None:
        """What may be forgotten is read from here."""
        told: int | None = None  # on a new database less than what the line was told last
        while True:
            if self._prepared and self._position != told:
                position = self._position
                try:
                    await self._line.put(POSITIONS, ROLE, str(position).encode())
                    told = position
                except LineError as error:
                    log.info("position not told", position=position, error=str(error))
            await asyncio.sleep(TELL_S)

    def _say(self, trouble: str | None, error: Exception | None = None) -> None:
        if trouble != self._trouble:
            if error is not None:
                log.error("history waits", because=trouble, error=str(error))
            self._trouble = trouble

    def _status(self) -> RoleStatus:
        counts, lag = self._counts, self._keeping.lag
        return RoleStatus(
            ROLE,
            self._clock.now_ms(),
            self._names.version,
            (self._trouble,) if self._trouble else (),
            storage=self._storage,
            metrics={
                "position": self._position,
                "readings": counts.readings,
                "repeats": counts.repeats,
                "same_time": counts.same_time,
                "rejects": counts.rejects,
                "transactions": counts.transactions,
                "commit_seconds": round(counts.commit_s, 6),
                **({"rollup_lag_seconds": round(lag.seconds, 1), "rollup_hours_waiting": lag.hours} if lag else {}),
            },
        )


def gather(messages: Sequence[InputMessage]) -> Iterator[Gathered]:
    """Cuts a list of messages into what one transaction takes."""
    batches: list[Batch] = []
    versions: list[int] = []
    rows = 0
    for place, message in enumerate(messages):
        match _decoded(message):
            case Batch() as batch:
                batches.append(batch)
                rows += len(batch.points)
            case RegistryChange() as change:
                versions.append(change.version)
        if rows >= MOST_ROWS or place == len(messages) - 1:
            yield Gathered(message.seq, tuple(batches), tuple(versions))
            batches, versions, rows = [], [], 0


def _decoded(message: InputMessage) -> Input | None:
    """Only what the database keeps; commands and ticks show in the alarm journal."""
    return decode(message.kind, message.payload) if message.kind in ("batch", "registry") else None
