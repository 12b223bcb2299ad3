"""Messages of INPUT, in order, to events: the engine with its registry versions, put right after one it cannot take."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple, TypeVar

import msgspec
import structlog

from alerting.engine import Engine
from alerting.events import Ev, Event
from alerting.snapshot import STORE, Snapshot
from line.log import InputMessage, Line, LineError
from line.messages import Batch, CodecError, Command, RegistryChange, Tick, decode
from registry.alarms import Plan
from registry.plan import compile_plan
from registry.store import head, load

log = structlog.get_logger()
T = TypeVar("T")

REFUSED = "engine-0-refused"
KEPT_REFUSED = 100  # the newest are kept with their payload: at most 100 MiB, since a message has at most 1 MiB
LINE_PAUSE_S = 0.2


class Refused(msgspec.Struct, frozen=True):
    """A message of INPUT on which the engine failed; it is passed over, here and in every replay."""

    seq: int
    at_ms: int
    kind: str
    error: str
    payload: bytes
    size: int
    sha256: str


class _Start(NamedTuple):
    """A state from which everything after can be evaluated again."""

    input_seq: int
    registry: int
    engine: Callable[[], bytes]


class _UnusableError(Exception):
    """The engine cannot work with this registry version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"registry version {version}")
        self.version = version


class Evaluation:
    """One engine and how far it has come. `take` is given every message of INPUT once, in order."""

    def __init__(self, line: Line, engine: Engine, input_seq: int, registry: int, refused: dict[int, Refused]) -> None:
        self._line = line
        self.engine = engine
        self.input_seq = input_seq
        self.at_ms = 0  # of the newest message taken
        self.registry = registry
        self.refused = refused
        self.unusable: set[int] = set()  # registry versions that the engine cannot work with; it keeps the one before
        self._start_here()

    def keep_start(self, input_seq: int, registry: int, engine: Callable[[], bytes]) -> None:
        """From there on, what goes wrong is evaluated again from that state."""
        self._start = _Start(input_seq, registry, engine)

    def _start_here(self) -> None:
        state = self.engine.snapshot()
        self.keep_start(self.input_seq, self.registry, lambda: state)

    async def take(self, message: InputMessage) -> list[Event]:
        """The events of one message; one that the engine fails on is set aside and harms nothing."""
        if message.seq <= self.input_seq:
            return []
        try:
            events = self._verdict(message) if message.seq in self.refused else await self._evaluate(message)
        except LineError:
            raise
        except _UnusableError as error:
            log.error("registry version unusable, the one before it stays", version=error.version, exc_info=error)
            self.unusable.add(error.version)
            await self._rebuild(message.seq - 1)
            return await self.take(message)
        except Exception as error:  # whatever it is: one message must not keep all alarms from being evaluated
            events = await self._set_aside(message, error)
        self.input_seq, self.at_ms = message.seq, message.at_ms
        return events

    async def _evaluate(self, message: InputMessage) -> list[Event]:
        """Times are those in the message, which are of the steady clock: the server's own may step."""
        decoded = decode(message.kind, message.payload)
        match decoded:
            case RegistryChange(version=version, at_ms=at_ms):
                return await self._change(version, at_ms)
            case Batch(registry=version, at_ms=arrivals):
                at_ms = int(arrivals.max(initial=0))
                # Read by a newer registry than has been announced to us: then that one is in force.
                events = await self._change(version, at_ms) if version > self.registry else []
                return events + self.engine.apply(decoded, at_ms)
            case Command(at_ms=at_ms):
                return self.engine.apply(decoded, at_ms)
            case Tick(now_ms=now_ms):
                return self.engine.apply(decoded, now_ms)

    async def _change(self, version: int, at_ms: int) -> list[Event]:
        if version <= self.registry or version in self.unusable:
            return []
        try:
            plan = await plan_of(self._line, version)
            events = self.engine.change(plan, at_ms)
        except Exception as error:  # as in `take`
            raise _UnusableError(version) from error
        self.registry = version
        log.info("registry", version=version, points=len(plan.points), rules=len(plan.rules))
        return events

    async def _set_aside(self, message: InputMessage, error: Exception) -> list[Event]:
        log.error("input set aside", input_seq=message.seq, kind=message.kind, error=repr(error), exc_info=error)
        payload = message.payload
        self.refused[message.seq] = Refused(
            message.seq,
            message.at_ms,
            message.kind,
            repr(error),
            payload,
            len(payload),
            hashlib.sha256(payload).hexdigest(),
        )
        await self._keep_refused()
        await self._rebuild(message.seq - 1)
        return self._verdict(message)

    async def _rebuild(self, to_seq: int) -> None:
        """Evaluates again what was evaluated already; its events are known."""
        start = self._start
        self.engine, self.input_seq, self.registry = Engine.restore(start.engine()), start.input_seq, start.registry
        if start.input_seq < to_seq:
            await self._catch_up(to_seq)
        self._start_here()

    async def _catch_up(self, to_seq: int) -> None:
        async with aclosing(self._line.inputs(self.input_seq)) as lists:
            async for messages in lists:
                for message in messages:
                    if message.seq <= to_seq:
                        await self.take(message)
                if messages[-1].seq >= to_seq:
                    return

    async def _keep_refused(self) -> None:
        newest = sorted(self.refused.values(), key=lambda refused: refused.seq)[-KEPT_REFUSED:]
        data = msgspec.msgpack.encode(newest)
        await when_it_answers(lambda: self._line.put_object(STORE, REFUSED, data))

    def _verdict(self, message: InputMessage) -> list[Event]:
        """A person who asked for something is told that it failed."""
        try:
            command = decode(message.kind, message.payload)
        except CodecError:
            return []
        if not isinstance(command, Command):
            return []
        return [
            Event(
                t=message.at_ms,
                alarm=command.alarm,
                ev=Ev.REJECT,
                enterprise=command.enterprise,
                tag=command.tag,
                occ=command.occ,
                cmd=command.cmd,
                command=command.id,
                reason="internal_error",
                user=command.user,
                at=command.at_ms,
            )
        ]


async def restored(line: Line, snapshot: Snapshot | None) -> Evaluation:
    """The evaluation as the snapshot left it; without one, from the first message that INPUT holds."""
    refused = await refused_inputs(line)
    if snapshot is not None:
        engine = Engine.restore(snapshot.engine)
        return Evaluation(line, engine, snapshot.input_seq, snapshot.registry, refused)
    first = await line.first_input()
    if first <= 1:
        return Evaluation(line, Engine(Plan(version=0)), 0, 0, refused)
    version = await head(line)  # what was in force then is not known any more
    log.error("no snapshot of the engine: evaluated anew from what INPUT still holds", first_input=first)
    plan = await plan_of(line, version) if version else Plan(version=0)
    return Evaluation(line, Engine(plan), first - 1, version, refused)


async def refused_inputs(line: Line) -> dict[int, Refused]:
    """What was set aside, by its sequence."""
    data = await line.get_object(STORE, REFUSED)
    if data is None:
        return {}
    return {refused.seq: refused for refused in msgspec.msgpack.decode(data, type=list[Refused])}


async def plan_of(line: Line, version: int) -> Plan:
    """A registry version as the engine works with it; waits for a line that does not answer."""
    return compile_plan(await when_it_answers(lambda: load(line, version)))


async def when_it_answers(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of the line, asked again until there is one."""
    while True:
        try:
            return await ask()
        except LineError as error:
            log.info("the line is asked again", error=str(error))
            await asyncio.sleep(LINE_PAUSE_S)
