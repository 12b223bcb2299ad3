"""The role `engine`: reads INPUT in order, lets the engine decide, and puts what it says on ALARM, once."""

from __future__ import annotations

import asyncio
import io
import mmap
import time
from contextlib import aclosing

import msgspec
import structlog

from alerting.emitter import Emitter
from alerting.engine import SnapshotError
from alerting.evaluation import LINE_PAUSE_S, Evaluation, restored, when_it_answers
from alerting.snapshot import Shelf, Snapshot, opened, pack_latest, seal, write
from alerting.taking import Taking, TakingError, mapped
from ingest.status import RoleStatus, tell
from line.clock import SteadyClock
from line.log import Line, LineError, LineFull, Unavailable
from line.messages import Batch, Tick
from registry.store import announce, head

log = structlog.get_logger()

ROLE = "engine"
PING = "hw.ping.engine"
POSITIONS = "positions"

SNAPSHOT_S = 10.0
SNAPSHOT_SHARE = 0.1  # of the time may go into snapshots: a large site takes them less often
SHORTEST_TICK_S = 0.02  # between two ticks, whatever the engine asks for
IDLE_TICK_S = 1.0  # how long the clock is left alone where no timer is known
CURRENT_S = 1.5  # a ping that finds the engine further behind than this gets no answer
BREATH = 64  # inputs evaluated at a stretch before the loop sees to other things
LOOK_S = 1.0
REFUSED_SHOWN_MS = 600_000  # how long an input that was set aside is an alarm of the platform


class EngineStatus(RoleStatus, frozen=True, omit_defaults=True):
    """`lag_ms` is the age of the oldest input that is not evaluated yet."""

    input_seq: int = 0
    lag_ms: int = 0


async def run(line: Line, *, stop: asyncio.Event | None = None) -> None:
    """Works until `stop` is set. Raises Fenced where another engine has taken over: then this one must end."""
    clock = await when_it_answers(lambda: SteadyClock.open(line))
    role = await when_it_answers(lambda: Role.open(line, clock))
    try:
        await role.run(stop or asyncio.Event())
    except ExceptionGroup as group:
        ended = group.subgroup(LineError)
        if ended is None:
            raise
        raise _first(ended) from group


class Role:
    """The engine with its place in INPUT and ALARM, its clock and its snapshots."""

    def __init__(
        self, line: Line, clock: SteadyClock, *, evaluation: Evaluation, emitter: Emitter, shelf: Shelf, epoch: str
    ) -> None:
        self._line, self._clock, self._epoch = line, clock, epoch
        self._evaluation, self._emitter, self._shelf = evaluation, emitter, shelf
        self._moved = asyncio.Condition()  # notified whenever input_seq has grown
        self._lag_ms = 0
        self._ticks = 0
        self._inputs = 0
        self._snapshot_ms = self._snapshot_pause_ms = 0.0
        self._turn = asyncio.Lock()  # held from an input to its events handed over: a snapshot never falls between

    @classmethod
    async def open(cls, line: Line, clock: SteadyClock) -> Role:
        """The state of the newest snapshot, as the one engine that may speak."""
        shelf, newest = await Shelf.open(line)
        emitter = await Emitter.take_over(line)
        try:
            evaluation = await restored(line, newest)
        except SnapshotError as error:
            log.error("the snapshot is of another release, INPUT is evaluated anew", error=str(error))
            evaluation = await restored(line, None)
        log.info("engine starts", input_seq=evaluation.input_seq, alarm_seq=emitter.alarm_seq)
        return cls(line, clock, evaluation=evaluation, emitter=emitter, shelf=shelf, epoch=await line.epoch())

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._read(), name="read"),
                tasks.create_task(self._emitter.run(), name="emit"),
                tasks.create_task(self._ask_for_ticks(), name="ticks"),
                tasks.create_task(self._keep_snapshots(), name="snapshots"),
                tasks.create_task(self._look(), name="lag"),
                tasks.create_task(self._clock.steer(self._line), name="clock"),
                tasks.create_task(tell(self._line, self._status), name="status"),
            ]
            await self._line.listen(self._hear)
            await self._line.answer(PING, self._ping)
            await stop.wait()
            await self._emitter.all_said()
            for other in others:
                other.cancel()

    # INPUT to events

    async def _read(self) -> None:
        async with aclosing(self._line.inputs(self._evaluation.input_seq)) as lists:
            async for messages in lists:
                for begin in range(0, len(messages), BREATH):
                    for message in messages[begin : begin + BREATH]:
                        async with self._turn:
                            events = await self._evaluation.take(message)
                            if events:
                                await self._emitter.say(message.seq, message.at_ms, events)
                        self._inputs += 1
                    async with self._moved:
                        self._moved.notify_all()

    async def _hear(self, batch: Batch) -> None:
        """Readings that INPUT has no room for: evaluated at once, marked, and passed over when they are on INPUT."""
        await self._reached(await when_it_answers(self._line.last_input))
        await self._unlogged(batch)

    async def _unlogged(self, message: Batch | Tick) -> None:
        async with self._turn:
            now_ms = self._clock.now_ms()
            events = self._evaluation.engine.apply(message, now_ms)
            await self._emitter.say_unlogged(self._evaluation.input_seq, now_ms, events)

    async def _reached(self, input_seq: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._evaluation.input_seq >= input_seq)

    # The clock

    async def _ask_for_ticks(self) -> None:
        """One tick at a time, and only when a timer is due; what fires is decided when the tick is read back."""
        await self._first_caught_up()
        while True:
            due = self._evaluation.engine.next_wake()
            now = self._clock.now_ms()
            if due is None or due > now:
                pause_s = IDLE_TICK_S if due is None else min((due - now) / 1000, IDLE_TICK_S)
                await self._moved_within(pause_s)
                continue
            try:
                asked = await self._line.append(Tick(now))
            except LineFull:
                await self._unlogged(Tick(now))  # delays do not wait for room either
                await asyncio.sleep(LINE_PAUSE_S)
                continue
            except LineError as error:
                log.warning("a timer is due but its tick cannot be written", error=str(error))
                await asyncio.sleep(LINE_PAUSE_S)
                continue
            self._ticks += 1
            await self._reached(asked)
            await asyncio.sleep(SHORTEST_TICK_S)

    async def _first_caught_up(self) -> None:
        """No tick before all that was written while nobody evaluated: it may stop the timer."""
        await self._reached(await when_it_answers(self._line.last_input))
        version = await when_it_answers(lambda: head(self._line))
        if version > self._evaluation.registry and version not in self._evaluation.unusable:
            await when_it_answers(lambda: announce(self._line, now_ms=self._clock.now_ms))

    async def _moved_within(self, pause_s: float) -> None:
        """Returns after the pause, or earlier when an input may have moved a timer forward."""
        try:
            async with asyncio.timeout(max(pause_s, SHORTEST_TICK_S)), self._moved:
                await self._moved.wait()
        except TimeoutError:
            return

    # Snapshots

    async def _keep_snapshots(self) -> None:
        kept_seq, pause_s = self._evaluation.input_seq, SNAPSHOT_S
        await self._reached(self._emitter.spoken.up_to)  # before that it could not say from where on ALARM goes on
        while True:
            await asyncio.sleep(pause_s)
            if self._evaluation.input_seq == kept_seq:
                continue
            begun = time.monotonic()
            try:
                kept_seq = await self._keep_snapshot()
            except (LineError, TakingError) as error:
                log.warning("no snapshot could be kept", error=str(error))
            pause_s = max(SNAPSHOT_S, (time.monotonic() - begun) / SNAPSHOT_SHARE)

    async def _keep_snapshot(self) -> int:
        """It is kept only when all events up to it are on ALARM: whoever starts from it never says them.

        A copy of this process writes it; evaluation goes on meanwhile.
        """
        async with self._turn:
            begun = time.monotonic()
            evaluation = self._evaluation
            input_seq, registry = evaluation.input_seq, evaluation.registry
            all_said = self._emitter.all_said()
            taking = Taking(self._write_snapshot)
            self._snapshot_pause_ms = (time.monotonic() - begun) * 1000
        with await taking.written() as file:
            await asyncio.to_thread(seal, file, await all_said)
            data = mapped(file)
            evaluation.keep_start(input_seq, registry, lambda: _engine_in(data))
            keep_from = await self._shelf.put(file, input_seq)
        await self._line.put(POSITIONS, ROLE, str(keep_from).encode())
        self._snapshot_ms = (time.monotonic() - begun) * 1000
        return input_seq

    def _write_snapshot(self, file: io.BufferedRandom) -> None:
        evaluation, engine = self._evaluation, self._evaluation.engine
        snapshot = Snapshot(
            epoch=self._epoch,
            input_seq=evaluation.input_seq,
            alarm_seq=0,
            registry=evaluation.registry,
            taken_at_ms=self._clock.now_ms(),
            engine=engine.snapshot(),
            standing=tuple(engine.standing()),
            latest=pack_latest(engine.latest()),
        )
        write(snapshot, file)

    # What others are told

    async def _ping(self, _: bytes) -> bytes:
        """Only an engine that has evaluated all that is on INPUT now answers, and at once."""
        async with asyncio.timeout(CURRENT_S):
            await self._reached(await self._line.last_input())
        return msgspec.json.encode({"input_seq": self._evaluation.input_seq, "registry": self._evaluation.registry})

    async def _look(self) -> None:
        """How far behind it is, and whether it still is the engine: else it learns that only with its next word."""
        while True:
            try:
                behind = await self._line.last_input() > self._evaluation.input_seq
                self._emitter.check(await self._line.last_alarm_seq())
            except Unavailable:
                behind = False  # how far nobody knows
            at_ms = self._evaluation.at_ms
            self._lag_ms = max(0, self._clock.now_ms() - at_ms) if behind and at_ms else 0
            await asyncio.sleep(LOOK_S)

    def _status(self) -> EngineStatus:
        evaluation = self._evaluation
        counters: dict[str, float] = msgspec.structs.asdict(evaluation.engine.counters)
        return EngineStatus(
            role=ROLE,
            at_ms=self._clock.now_ms(),
            registry=evaluation.registry,
            degraded=self._degraded(),
            input_seq=evaluation.input_seq,
            lag_ms=self._lag_ms,
            metrics={
                **counters,
                "inputs": self._inputs,
                "emitted_events": self._emitter.emitted_events,
                "refused_inputs": len(evaluation.refused),
                "ticks": self._ticks,
                "snapshot_ms": self._snapshot_ms,
                "snapshot_pause_ms": self._snapshot_pause_ms,
                "clock_step_ms": self._clock.step_ms(),
            },
        )

    def _degraded(self) -> tuple[str, ...]:
        evaluation, since = self._evaluation, self._clock.now_ms() - REFUSED_SHOWN_MS
        refused = any(one.at_ms > since for one in evaluation.refused.values())
        unusable = [f"registry-{version}" for version in sorted(evaluation.unusable)]
        return (*unusable, *(("input-refused",) if refused else ()))


def _engine_in(data: mmap.mmap) -> bytes:
    """The engine of a snapshot that is sealed in memory."""
    with memoryview(data) as view:
        snapshot = opened(view)
    if snapshot is None:
        raise SnapshotError("the snapshot in memory is broken")
    return snapshot.engine


def _first(group: ExceptionGroup[LineError]) -> LineError:
    """What ended the role."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner
