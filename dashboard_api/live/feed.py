"""The line to the api's memory: the engine's snapshot, then the tails of INPUT and ALARM, and frames to the screens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import structlog

from alerting.events import Event, decode_emission, event_seq
from alerting.snapshot import newest, unpack_latest
from dashboard_api import wire
from dashboard_api.live.book import Book
from dashboard_api.live.hub import Hub
from dashboard_api.live.values import Live, Values
from line.clock import SteadyClock
from line.log import AlarmMessage, Line, LineError
from line.messages import Batch, CodecError, decode
from registry.faults import RegistryError
from registry.platform import offline_tag, with_platform
from registry.site import Site
from registry.store import head, sites

log = structlog.get_logger()

PING = "hw.ping.engine"
HEARTBEAT_S = 2.0
ENGINE_PATIENCE_S = 1.8
READINGS_S = 1.0  # at most one frame a source in this time
LOOK_S = 0.1
MOST_KEPT_EVENTS = 50_000  # for clients that come back with `after`: about 40 MB; older ones get `gap`
PAUSE_S = 0.3


class Feed:
    """What the api knows. `run` keeps it true; everything else reads it."""

    def __init__(self, line: Line, clock: SteadyClock) -> None:
        self._line, self.clock = line, clock
        self.site = Site()  # with the platform's own tags
        self.version = 0
        self.book, self.values, self.hub = Book(), Values(), Hub()
        self.epoch = ""
        self.recent: deque[tuple[int, Event]] = deque(maxlen=MOST_KEPT_EVENTS)
        self.oldest_known = 0  # events after this number are all in `recent`
        self.ready = asyncio.Event()
        self._site_known = asyncio.Event()
        self.engine_answered_ms = 0
        self._verdicts: dict[str, asyncio.Future[Event]] = {}
        self._online: dict[tuple[str, str], bool] = {}

    async def run(self) -> None:
        """Runs until cancelled; a line that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_site(), name="site")
            tasks.create_task(self._from_the_line(), name="tails")
            tasks.create_task(self._show_readings(), name="readings")
            tasks.create_task(self._beat(), name="heartbeat")
            tasks.create_task(self.clock.follow(self._line), name="clock")

    async def is_ready(self, patience_s: float) -> bool:
        """Whether the memory is true, at the latest after so long: before that it would show an empty plant as well."""
        try:
            async with asyncio.timeout(patience_s):
                await self.ready.wait()
        except TimeoutError:
            return False
        return True

    def verdict(self, command: str) -> asyncio.Future[Event]:
        """Resolved with the engine's answer to a command; ask before the command is sent, then `forget` it."""
        return self._verdicts.setdefault(command, asyncio.get_running_loop().create_future())

    def forget(self, command: str) -> None:
        self._verdicts.pop(command, None)

    def after(self, seq: int) -> Iterator[tuple[int, Event]] | None:
        """The events past a number, or None where some of them are no longer known."""
        if seq < self.oldest_known:
            return None
        return ((number, event) for number, event in self.recent if number > seq)

    def is_online(self, enterprise: str, gateway: str) -> bool | None:
        """Whether a gateway is online; None while nobody knows."""
        return self._online.get((enterprise, gateway))

    # The site

    async def _follow_site(self) -> None:
        while True:
            try:
                if await head(self._line) == 0:
                    self._site_known.set()  # nothing was imported yet
                async with aclosing(sites(self._line)) as versions:
                    async for site in versions:
                        self.site, self.version = with_platform(site), site.version
                        self.values.arrange(self.site)
                        self._site_known.set()
                        log.info("registry", role="api", version=site.version)
            except (LineError, RegistryError) as error:
                log.warning("registry version not read", error=str(error))
                await asyncio.sleep(PAUSE_S)

    # Streams

    async def _from_the_line(self) -> None:
        """The memory made anew from the snapshot, again where the line is another one than before."""
        while True:
            self.ready.clear()
            try:
                input_seq, alarm_seq = await self._start()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._tail_input(input_seq), name="INPUT")
                    tasks.create_task(self._tail_alarm(alarm_seq), name="ALARM")
            except* LineError as errors:
                log.warning("the line cannot be read", error=str(errors.exceptions[0]))
            await asyncio.sleep(PAUSE_S)

    async def _start(self) -> tuple[int, int]:
        """The events that the line still has, and over those of its time what the snapshot says stands."""
        self.epoch = await self._line.epoch()
        snapshot = await newest(self._line)
        known_to = snapshot.alarm_seq if snapshot else 0
        self.book = Book()
        self.recent.clear()
        begin = max(0, await self._line.first_alarm_seq() - 1)
        self.oldest_known = event_seq(begin + 1, 0) - 1
        async for message in self._alarms_up_to(begin, known_to):
            self._take(message, quietly=True)
        if snapshot is not None:
            self.book.stand(event_seq(known_to + 1, 0) - 1, snapshot.standing)
            self.values.start(unpack_latest(snapshot.latest))
        last = await self._line.last_alarm_seq()
        async for message in self._alarms_up_to(max(begin, known_to), last):
            self._take(message, quietly=True)
        return snapshot.input_seq if snapshot else 0, max(begin, known_to, last)

    async def _alarms_up_to(self, after: int, last: int) -> AsyncGenerator[AlarmMessage, None]:
        if last <= after:
            return
        async with aclosing(self._line.alarms(after)) as lists:
            async for messages in lists:
                for message in messages:
                    if message.seq <= last:
                        yield message
                if messages[-1].seq >= last:
                    return

    async def _tail_input(self, after: int) -> None:
        async with aclosing(self._line.inputs(after)) as lists:
            async for messages in lists:
                for message in messages:
                    if message.kind == "batch":
                        self._take_batch(message.payload)

    def _take_batch(self, payload: bytes) -> None:
        try:
            batch = decode("batch", payload)
        except CodecError as error:
            log.warning("batch of another release passed over", error=str(error))
            return
        if isinstance(batch, Batch):
            self.values.take(batch)

    async def _tail_alarm(self, after: int) -> None:
        await self._site_known.wait()
        self.ready.set()
        async with aclosing(self._line.alarms(after)) as lists:
            async for messages in lists:
                for message in messages:
                    self._take(message, quietly=False)

    def _take(self, message: AlarmMessage, *, quietly: bool) -> None:
        for index, event in enumerate(decode_emission(message.payload).events):
            seq = event_seq(message.seq, index)
            self.book.take(seq, event)
            self.recent.append((seq, event))
            if len(self.recent) == MOST_KEPT_EVENTS:
                self.oldest_known = self.recent[0][0]
            if not quietly:
                self._tell(seq, event)

    def _tell(self, seq: int, event: Event) -> None:
        self.hub.alarm(event.enterprise, event.source, lambda: alarm_frame(seq, event))
        if event.command is not None:
            waiting = self._verdicts.get(event.command)
            if waiting is not None and not waiting.done():
                waiting.set_result(event)

    # Screens

    async def _show_readings(self) -> None:
        shown_s: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = asyncio.get_running_loop().time()
            due = [one for one in self.hub.watched() if now_s - shown_s.get(one, 0.0) >= READINGS_S]
            for source, values in self.values.fresh(due).items():
                shown_s[source] = now_s
                self.hub.readings(source, readings_frame(source, values))
            self._look_at_gateways()

    def _look_at_gateways(self) -> None:
        """The platform's own reading of each gateway says whether it is online."""
        for gateway in self.site.gateways.values():
            tag = self.site.tags.get(f"{gateway.enterprise}/{offline_tag(gateway.code)}")
            live = self.values.live(tag.id) if tag else None
            if live is None or live.value is None:
                continue
            key, online = (gateway.enterprise, gateway.code), live.value < 0.5
            if self._online.get(key) is not online:
                self._online[key] = online
                self.hub.gateway(gateway.enterprise, partial(gateway_frame, key, online, live.t))

    async def _beat(self) -> None:
        """A heartbeat proves the whole way: it is sent only after the engine has answered that it is up to date."""
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._line.ask(PING, timeout=ENGINE_PATIENCE_S)
            except LineError:
                pass
            else:
                self.engine_answered_ms = self.clock.now_ms()
                frame = {"type": "heartbeat", "server_time": wire.moment(self.clock.now_ms())}
                self.hub.all(wire.to_json(frame).decode())
            await asyncio.sleep(max(0.0, HEARTBEAT_S - (asyncio.get_running_loop().time() - begun)))


def alarm_frame(seq: int, event: Event) -> str:
    return wire.to_json({"type": "alarm", "seq": seq, "event": wire.event(event)}).decode()


def readings_frame(source: str, values: dict[str, Live]) -> str:
    shown: dict[str, list[Any]] = {tag: [one.value, one.quality, wire.moment(one.t)] for tag, one in values.items()}
    return wire.to_json({"type": "readings", "source": source, "values": shown}).decode()


def gateway_frame(key: tuple[str, str], online: bool, t: int) -> str:
    enterprise, gateway = key
    frame = {"type": "gateway", "enterprise": enterprise, "gateway": gateway, "online": online, "t": wire.moment(t)}
    return wire.to_json(frame).decode()
