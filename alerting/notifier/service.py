"""The role `notifier`: ALARM to people, at least once, and at most once more for each time that it is killed."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import aclosing
from datetime import UTC, datetime, tzinfo

import msgspec
import structlog

from alerting import snapshot
from alerting.events import Ev, Event, decode_emission
from alerting.notifier import channels, links, texts
from alerting.notifier.attempts import Attempt, Kind, Outcome
from alerting.notifier.channels import ChannelError, Notice
from alerting.notifier.desk import Desk, DeskState, Emitted, Sending
from alerting.notifier.ledger import Ledger
from alerting.notifier.links import Link
from alerting.notifier.texts import Names, Words
from ingest.status import RoleStatus, tell
from line.clock import SteadyClock
from line.log import AlarmMessage, Line, LineError
from registry.faults import RegistryError
from registry.site import Site
from registry.store import sites

log = structlog.get_logger()

ROLE = "notifier"
STORE, STATE = snapshot.STORE, "notifier-0"
PUBLIC_URL = "http://127.0.0.1:8080"
SAVE_S = 1.0
IDLE_S = 1.0
PAUSE_S = 0.5
MOST_COVERED = 200  # of a summary's alarms are written down with the attempt; the others with the state, a second later
OVERDUE_MS = 30_000  # a notice that waits longer than this is a fault of the platform
FINISH_S = 2.0  # what is on its way at the end may take this long; what takes longer is sent again by the next life

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DeskState).decode


async def run(line: Line, *, public_url: str | None = None, stop: asyncio.Event | None = None) -> None:
    """Works until `stop` is set; links in notices begin with `public_url`."""
    clock = await SteadyClock.open(line)
    secret = await links.secret(line)
    await Notifier(line, clock, secret, (public_url or PUBLIC_URL).rstrip("/")).run(stop or asyncio.Event())


class Notifier:
    """The desk decides; this reads, sends and writes down."""

    def __init__(self, line: Line, clock: SteadyClock, secret: bytes, public_url: str) -> None:
        self._line, self._clock, self._secret, self._public_url = line, clock, secret, public_url
        self._zone = _local_zone()
        self._desk = Desk()
        self._names = Names(Site())
        self._site = Site()
        self._version = 0
        self._epoch = ""
        self._alarm_seq = 0
        self._saved_seq = -1
        self._changed = False  # since the state was saved
        self._wake = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()
        self._ledger = Ledger(line)
        self._counts = {"sent": 0, "failed": 0, "summaries": 0}

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            ready = asyncio.Event()
            others = [
                tasks.create_task(asyncio.to_thread(channels.warm), name="warm"),
                tasks.create_task(self._clock.follow(self._line), name="clock"),
                tasks.create_task(self._follow_registry(ready), name="registry"),
                tasks.create_task(tell(self._line, self._status), name="status"),
            ]
            await _first(ready, stop)
            if not stop.is_set():
                await self._restore()
                others += [
                    tasks.create_task(self._listen(), name="alarms"),
                    tasks.create_task(self._dispatch(stop), name="dispatch"),
                    tasks.create_task(self._keep_saved(), name="state"),
                ]
            await stop.wait()
            await _within(FINISH_S, self._sends)
            for other in others:
                other.cancel()
        await self._save()

    # What is heard

    async def _follow_registry(self, ready: asyncio.Event) -> None:
        while True:
            try:
                if not await self._line.get("registry", "head"):
                    ready.set()  # a platform without a site yet
                async with aclosing(sites(self._line)) as versions:
                    async for site in versions:
                        self._names = Names(site)
                        self._desk.arrange(site, self._clock.now_ms())
                        self._site, self._version = site, site.version
                        ready.set()
                        self._wake.set()
            except (LineError, RegistryError) as error:
                log.warning("registry version not read", error=str(error))
                await asyncio.sleep(PAUSE_S)

    async def _restore(self) -> None:
        """Where the last life ended; where ALARM does not reach back so far, what stands according to the engine."""
        while True:
            try:
                self._epoch = await self._line.epoch()
                state = await self._state()
                first = await self._line.first_alarm_seq()
                ledger = await Ledger.open(self._line)
                desk = Desk(state.cases)
                if state.alarm_seq + 1 < first:
                    state = msgspec.structs.replace(state, alarm_seq=await self._adopt(desk, first))
                break
            except LineError as error:
                log.info("the notifier waits for the line", error=str(error))
                await asyncio.sleep(PAUSE_S)
        now = self._clock.now_ms()
        desk.recall(ledger.all(), now)
        desk.arrange(self._site, now)
        self._desk, self._ledger, self._alarm_seq = desk, ledger, state.alarm_seq
        log.info("notifier starts", alarm_seq=self._alarm_seq, cases=len(state.cases), attempts=len(ledger.all()))

    async def _state(self) -> DeskState:
        data = await self._line.get_object(STORE, STATE)
        if data is not None:
            try:
                state = _decode(zlib.decompress(data))
            except (zlib.error, msgspec.DecodeError) as error:
                log.error("the notifier's state is broken, it starts anew", error=str(error))
            else:
                if state.epoch == self._epoch:
                    return state
        return DeskState(epoch=self._epoch)

    async def _adopt(self, desk: Desk, first: int) -> int:
        """Takes over what stands; returns from where on ALARM is read."""
        found = await snapshot.newest(self._line)
        if found is None or found.alarm_seq + 1 < first:
            log.error("alarm events were missed and no snapshot of the engine tells of them", first=first)
            return first - 1
        log.warning("alarm events were missed, the engine's snapshot tells what stands", standing=len(found.standing))
        desk.adopt(found.standing, self._clock.now_ms())
        return found.alarm_seq

    async def _listen(self) -> None:
        async with aclosing(self._line.alarms(self._alarm_seq)) as lists:
            async for messages in lists:
                for message in messages:
                    for ack in self._hear(message):
                        await self._ledger.accept(ack)
                self._wake.set()
                await asyncio.sleep(0)

    def _hear(self, message: AlarmMessage) -> list[Event]:
        """Tells the desk; answers the acknowledgements."""
        emission = decode_emission(message.payload)
        now = self._clock.now_ms()
        wall = emission.events[0].emitted_at if emission.events else None
        emitted_at = now if wall is None else wall - self._clock.step_ms()
        self._desk.hear(emission.events, Emitted(emitted_at, emission.behind_ms), now)
        self._alarm_seq = message.seq
        self._changed = True
        return [event for event in emission.events if event.ev is Ev.ACK and event.alarm_id]

    # What is sent

    async def _dispatch(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                self._wake.clear()
                now = self._clock.now_ms()
                for sending in self._desk.due(now):
                    task = group.create_task(self._send(sending), name=f"send {sending.key}")
                    self._sends.add(task)
                    task.add_done_callback(self._sends.discard)
                pause_s = min(max(self._desk.next_wake(now) - now, 0) / 1000, IDLE_S)
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _send(self, sending: Sending) -> None:
        """Written down before and after: an attempt without an outcome is made again by the next life."""
        words = self._words(sending)
        begun = self._attempt(sending)
        await self._ledger.record(begun)
        notice = Notice(sending.key, words.title, words.body, sending.items[0].priority, sending.kind is Kind.RETURN)
        error = None
        try:
            await channels.send(sending.contact.channel, notice)
        except ChannelError as refused:
            error = str(refused)
        now = self._clock.now_ms()
        outcome = Outcome.SENT if error is None else Outcome.FAILED
        already = self._ledger.get(begun.id) or begun  # it may have been answered meanwhile
        await self._ledger.record(msgspec.structs.replace(already, outcome=outcome, error=error, done_at=now))
        self._desk.done(sending, error, now)
        self._changed = True
        self._counts["sent" if error is None else "failed"] += 1
        self._counts["summaries"] += sending.kind is Kind.SUMMARY
        log.info(
            "notice" if error is None else "notice not taken",
            contact=sending.contact.name,
            channel=begun.channel,
            kind=sending.kind.value,
            alarm_id=begun.alarm_id,
            attempt=sending.attempt,
            took_ms=now - begun.at,
            error=error,
        )
        self._wake.set()

    def _words(self, sending: Sending) -> Words:
        cases, names, zone = sending.cases, self._names, self._zone
        if sending.kind is Kind.SUMMARY:
            made = [self._link(sending, place) for place in range(min(len(cases), texts.SHOWN_OF_SUMMARY))]
            return texts.summary(cases, names, links=made, screen=self._public_url, zone=zone)
        if sending.kind is Kind.RETURN:
            return texts.returned(cases[0], names, zone=zone)
        return texts.raised(cases[0], names, link=self._link(sending, 0), zone=zone)

    def _link(self, sending: Sending, place: int) -> str:
        case = sending.cases[place]
        expires = self._clock.now_ms() + links.VALID_MS
        link = Link(case.alarm_id, case.occ, case.enterprise, case.tag, case.alarm, sending.contact.name, expires)
        return f"{self._public_url}/n/{links.sign(link, self._secret)}"

    def _attempt(self, sending: Sending) -> Attempt:
        case, contact = sending.cases[0], sending.contact
        many = sending.kind is Kind.SUMMARY
        enterprises = {one.enterprise for one in sending.cases}
        return Attempt(
            id=f"{sending.key}.{sending.attempt}",
            key=sending.key,
            at=self._clock.now_ms(),
            contact=contact.name,
            channel=channels.shown(contact.channel),
            kind=sending.kind,
            attempt=sending.attempt,
            outcome=Outcome.SENDING,
            alarm_id=None if many else case.alarm_id,
            enterprise=case.enterprise if len(enterprises) == 1 else "",
            source="" if many else case.source,
            tag="" if many else case.tag,
            alarm="" if many else case.alarm,
            priority=min(one.priority for one in sending.cases),
            covers=tuple(item.key for item in sending.items[:MOST_COVERED]) if many else (),
        )

    # What is written down

    async def _keep_saved(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            await self._save()
            await self._ledger.look()

    async def _save(self) -> None:
        if not self._changed and self._saved_seq == self._alarm_seq:
            return
        self._changed = False
        state = DeskState(self._epoch, self._alarm_seq, self._desk.cases())
        data = zlib.compress(_encode(state), 1)
        try:
            await self._line.put_object(STORE, STATE, data)
            self._saved_seq = state.alarm_seq
        except LineError as error:
            self._changed = True
            log.warning("the notifier's state is not saved", error=str(error))

    def _status(self) -> RoleStatus:
        now = self._clock.now_ms()
        oldest = self._desk.oldest_unsent()
        age_ms = 0 if oldest is None else max(0, now - oldest)
        return RoleStatus(
            ROLE,
            now,
            self._version,
            ("notices",) if age_ms > OVERDUE_MS else (),
            metrics={
                **self._counts,
                "oldest_unsent_ms": age_ms,
                "cases": len(self._desk.cases()),
                "alarm_seq": self._alarm_seq,
            },
        )


async def _first(*events: asyncio.Event) -> None:
    """Returns once one of them is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _within(seconds: float, tasks: set[asyncio.Task[None]]) -> None:
    """Returns once they have ended, or the time is over."""
    if tasks:
        await asyncio.wait(set(tasks), timeout=seconds)


def _local_zone() -> tzinfo:
    """The zone of the host: times in notices are those of the clock on the wall."""
    return datetime.now(UTC).astimezone().tzinfo or UTC
