"""The role `ingest`: what a broker delivers goes on the line, and only then is the broker told that it arrived."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import structlog

from ingest.batches import MOST_READINGS, Parcel, Part, pack, platform_part
from ingest.decode import Reason, Refusal
from ingest.gateways import CLOCK_KEY, INPUT_FULL_KEY, Announcer, verdicts
from ingest.mqtt import Broker, Subscriber, Taken
from ingest.reader import Outcome, Reader, refused
from ingest.status import RoleStatus, tell
from ingest.validate import topic_of, wiring
from line.clock import STEP_MS, SteadyClock
from line.log import Line, LineError, LineFull, Unavailable
from line.messages import Batch
from registry.faults import RegistryError
from registry.site import Site
from registry.store import current, sites

log = structlog.get_logger()

ROLE = "ingest"
# Taken in one go: as much as fills a few messages of the line; the rest waits in the subscriber, or at the broker.
MOST_MESSAGES, MOST_BYTES = 2_000, 1 << 20
ANNOUNCE_MS = 1_000  # how often gateways are looked after
FINISH_S = 3.0  # what is in hand at the end may take this long; what is not done is redelivered at the next start
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # between two attempts at the line
# Parcels held while INPUT is full, each at most 512 KiB; then nothing more is taken, and the broker holds the rest.
MOST_UNLOGGED = 256
USAGE_S = 5.0
MOST_COUNTED = 500  # gateways and reasons whose rejects are counted apart: the status that says so is kept each second
NEARLY_FULL = 0.9  # of INPUT: after that the alarm could not be written


async def run(line: Line, broker: Broker, *, stop: asyncio.Event | None = None) -> None:
    """Works until `stop` is set, then finishes what is in hand; the session stays at the broker."""
    await Ingest(line, broker, await SteadyClock.open(line)).run(stop or asyncio.Event())


@dataclass(slots=True)
class Counts:
    """Since the start of the role."""

    messages: int = 0
    readings: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_of: Counter[str] = field(default_factory=Counter)  # of "enterprise/gateway reason", as far as it is known
    appends: int = 0
    append_s: float = 0.0
    append_s_max: float = 0.0


class Ingest:
    """One session, one append at a time: what arrives meanwhile goes into the next batch, which so grows with load."""

    def __init__(self, line: Line, broker: Broker, clock: SteadyClock) -> None:
        self._line, self._clock = line, clock
        self._subscriber = Subscriber(broker, clock.now_ms)
        self._reader = Reader(wiring(Site()))
        self._announcer = Announcer()
        self._announced_ms = 0
        self._counts = Counts()
        self._trouble: str | None = None  # why nothing can be kept at the moment
        self._nearly_full = False
        self._unlogged: deque[Parcel[_Message | None]] = deque()  # what INPUT had no room for

    async def run(self, stop: asyncio.Event) -> None:
        await self._first_registry()
        async with asyncio.TaskGroup() as tasks:
            session = tasks.create_task(self._subscriber.run(), name="session")
            work = tasks.create_task(self._work(stop), name="work")
            others = [
                tasks.create_task(self._clock.follow(self._line), name="clock"),
                tasks.create_task(self._follow_registry(), name="registry"),
                tasks.create_task(self._watch_usage(), name="usage"),
                tasks.create_task(tell(self._line, self._status), name="status"),
            ]
            await stop.wait()
            self._subscriber.stop_taking()
            await asyncio.wait({work}, timeout=FINISH_S)
            work.cancel()
            self._subscriber.stop()
            await session
            for other in others:
                other.cancel()
        log.info("ingest ended", left=self._subscriber.waiting)

    async def _work(self, stop: asyncio.Event) -> None:
        while self._subscriber.waiting or self._unlogged or not stop.is_set():
            await self._one_round()

    async def _one_round(self) -> None:
        await self._keep_unlogged()
        if len(self._unlogged) >= MOST_UNLOGGED:
            await asyncio.sleep(LONGEST_PAUSE_S / 4)
            return
        timeout_s = LONGEST_PAUSE_S / 4 if self._unlogged else ANNOUNCE_MS / 1000
        taken = await self._subscriber.take(MOST_MESSAGES, MOST_BYTES, timeout_s)
        prepared: list[tuple[_Message | None, list[Part]]] = []
        for one in taken:
            outcome = self._read(one)
            prepared.append((_Message(one, outcome), outcome.parts))
        prepared += [(None, [part]) for part in self._announcements()]
        for parcel in pack(prepared, self._reader.wiring.version):
            await self._keep(parcel)

    def _read(self, taken: Taken) -> Outcome:
        try:
            return self._reader.read(taken.arrival)
        except Exception as error:  # a message that we cannot read for a fault of ours must not stop all others
            log.exception("message set aside", topic=taken.arrival.topic)
            detail = f"this release cannot read it: {error!r}"
            return refused(taken.arrival, topic_of(taken.arrival.topic), [Refusal(Reason.WRONG_TYPE, detail)])

    async def _keep(self, parcel: Parcel[_Message | None]) -> None:
        """On the line, then confirmed; while INPUT is full the engine is told all the same, and nobody confirmed."""
        if not self._unlogged and (parcel.batch is None or await self._append(parcel.batch)):
            self._confirm(parcel)
            return
        self._unlogged.append(parcel)
        if parcel.batch is not None:
            with suppress(Unavailable):  # it is tried again with the line itself
                await self._line.shout(parcel.batch)

    async def _keep_unlogged(self) -> None:
        """What INPUT had no room for, in its order, as far as there is room now."""
        while self._unlogged:
            oldest = self._unlogged[0]
            if oldest.batch is not None and not await self._append(oldest.batch):
                return
            self._unlogged.popleft()
            self._confirm(oldest)

    def _confirm(self, parcel: Parcel[_Message | None]) -> None:
        ending = [message for message in parcel.ending if message is not None]
        self._subscriber.confirm(message.taken for message in ending)
        for message in ending:
            outcome = message.outcome
            for topic, payload in outcome.confirmations:
                self._subscriber.publish(topic, payload)
            self._counts.messages += 1
            self._counts.readings += outcome.stored
            for refusal in outcome.refused:
                self._counts.refused[refusal.reason.value] += max(refusal.readings, 1)
                sender = self._reader.sender(message.taken.arrival.topic)
                of = f"{sender} {refusal.reason.value}"
                if of not in self._counts.refused_of and len(self._counts.refused_of) >= MOST_COUNTED:
                    of = f"others {refusal.reason.value}"
                self._counts.refused_of[of] += max(refusal.readings, 1)

    async def _append(self, batch: Batch) -> bool:
        """Puts a batch on the line, however long that takes: repeats are absorbed. False: INPUT is full."""
        pause_s = SHORTEST_PAUSE_S
        begun = asyncio.get_running_loop().time()
        while True:
            try:
                await self._line.append(batch)
                break
            except LineFull as error:
                self._say("input-full", error)
                return False
            except Unavailable as error:
                self._say("line", error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._say(None)
        took_s = asyncio.get_running_loop().time() - begun
        self._counts.appends += 1
        self._counts.append_s += took_s
        self._counts.append_s_max = max(self._counts.append_s_max, took_s)
        return True

    def _announcements(self) -> list[Part]:
        """What the platform has to say of its gateways, and of itself as far as ingest knows it."""
        now_ms = self._clock.now_ms()
        if now_ms - self._announced_ms < ANNOUNCE_MS:
            return []
        self._announced_ms = now_ms
        reader, platform = self._reader, self._reader.wiring.platform
        ports = reader.wiring.ports.values()
        statuses = reader.presence.silent(ports, now_ms)
        reader.clocks.tick(now_ms)
        wanted = verdicts(ports, platform, reader.presence, reader.clocks)
        ours_is_wrong = reader.clocks.ours_is_wrong or abs(self._clock.step_ms()) > STEP_MS
        for key, value in ((CLOCK_KEY, ours_is_wrong), (INPUT_FULL_KEY, self._nearly_full)):
            if key in platform:
                wanted[platform[key]] = float(value)
        points = list(self._announcer.due(wanted, now_ms).items())
        parts = [
            platform_part(dict(points[begin : begin + MOST_READINGS]), now_ms)
            for begin in range(0, len(points), MOST_READINGS)
        ]
        return [*parts, platform_part({}, now_ms, statuses)] if statuses else parts

    async def _first_registry(self) -> None:
        """Nothing is taken before the site is known: it would all be refused as unknown."""
        while True:
            try:
                self._reader.wiring = wiring(await current(self._line))
                return
            except (LineError, RegistryError) as error:
                self._say("registry", error)
                await asyncio.sleep(LONGEST_PAUSE_S / 2)

    async def _follow_registry(self) -> None:
        while True:
            try:
                async with aclosing(sites(self._line)) as versions:
                    async for site in versions:
                        self._reader.wiring = wiring(site)
                        log.info("registry", role=ROLE, version=site.version)
            except (LineError, RegistryError) as error:
                log.warning("registry version not read", role=ROLE, error=str(error))
                await asyncio.sleep(LONGEST_PAUSE_S / 2)

    async def _watch_usage(self) -> None:
        while True:
            try:
                usage = await self._line.usage()
                self._nearly_full = 0 < usage.input_max_bytes * NEARLY_FULL < usage.input_bytes
            except LineError as error:
                log.info("usage not known", error=str(error))
            await asyncio.sleep(USAGE_S)

    def _say(self, trouble: str | None, error: Exception | None = None) -> None:
        if trouble != self._trouble:
            if trouble is None:
                log.info("line takes readings again")
            else:
                log.warning("nothing can be kept", because=trouble, error=str(error))
            self._trouble = trouble

    def _status(self) -> RoleStatus:
        counts = self._counts
        missing = [self._trouble] if self._trouble else []
        if not self._subscriber.subscribed:
            missing.append("mqtt")
        return RoleStatus(
            ROLE,
            self._clock.now_ms(),
            self._reader.wiring.version,
            tuple(missing),
            session=self._subscriber.subscribed,
            metrics={
                "messages": counts.messages,
                "readings": counts.readings,
                "rejects": dict(counts.refused),
                "rejects_of_gateway": dict(counts.refused_of),
                "waiting": self._subscriber.waiting,
                "in_flight": self._subscriber.in_flight,
                "unlogged": len(self._unlogged),
                "repeats": self._subscriber.repeats,
                "appends": counts.appends,
                "append_seconds": round(counts.append_s, 6),
                "append_seconds_max": round(counts.append_s_max, 6),
            },
        )


@dataclass(frozen=True, slots=True)
class _Message:
    taken: Taken
    outcome: Outcome
