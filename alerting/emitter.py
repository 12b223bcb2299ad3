"""Events of inputs to messages of ALARM: in order, each once, and never after another engine has spoken."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import msgspec
import structlog

from alerting.events import Emission, Event, decode_emission, encode
from line.log import AlarmMessage, Fenced, Line, LineFull, Unavailable

log = structlog.get_logger()

MOST_EVENTS = 1_000  # in one message: about 500 kB, half of what a server takes by default
MOST_WAITING = 1_000  # inputs with events not yet on ALARM; then evaluation waits. About 100 MB at worst
PAUSE_S = 0.2
FULL_PAUSE_S = 1.0


class Spoken(msgspec.Struct, frozen=True):
    """What ALARM held when this engine took over: everything up to `input_seq`, of the one after it `events` events."""

    input_seq: int = 0
    half_seq: int = 0  # an input whose events are on ALARM only in part, 0 where there is none
    half_events: int = 0

    @property
    def up_to(self) -> int:
        """The last input of which anything is on ALARM."""
        return max(self.input_seq, self.half_seq)

    def unsaid(self, input_seq: int, events: Sequence[Event]) -> tuple[int, Sequence[Event]]:
        """The place of the first event of an input that is not on ALARM yet, and the events from there on."""
        if input_seq == self.half_seq:
            return self.half_events, events[self.half_events :]
        return (0, events) if input_seq > self.input_seq else (0, ())


class Emitter:
    """The one voice on ALARM; `run` is its task. Raises Fenced as soon as another engine has spoken."""

    def __init__(self, line: Line, alarm_seq: int, spoken: Spoken) -> None:
        self._line = line
        self.alarm_seq = alarm_seq
        self.spoken = spoken
        self._waiting: deque[tuple[int, Emission] | asyncio.Future[int]] = deque()  # with the time of the input
        self._changed = asyncio.Condition()
        self.emitted_events = 0

    @classmethod
    async def take_over(cls, line: Line) -> Emitter:
        """Speaks once without events, after which no engine before this one can speak any more."""
        while True:
            last = await line.last_alarm()
            spoken, expected = said(last), 0 if last is None else last.seq
            claim = _claim(spoken)
            try:
                alarm_seq = await line.emit(encode(claim), input_seq=claim.input_seq, expected=expected)
            except Fenced:
                log.info("another engine spoke meanwhile, taking over once more")
                continue
            return cls(line, alarm_seq, spoken)

    async def say(self, input_seq: int, at_ms: int, events: Sequence[Event]) -> None:
        """Hands over the events of an input; waits only where too many are under way."""
        first, unsaid = self.spoken.unsaid(input_seq, events)
        if unsaid:
            await self._hand_over(input_seq, at_ms, first, unsaid)

    async def say_unlogged(self, input_seq: int, at_ms: int, events: Sequence[Event]) -> None:
        """Hands over events of something that is not on INPUT; `input_seq` is the last that was evaluated before."""
        if events:
            marked = [msgspec.structs.replace(event, unlogged=True) for event in events]
            await self._hand_over(input_seq, at_ms, 0, marked)

    async def _hand_over(self, input_seq: int, at_ms: int, first: int, unsaid: Sequence[Event]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) < MOST_WAITING)
            for begin in range(0, len(unsaid), MOST_EVENTS):
                part = tuple(unsaid[begin : begin + MOST_EVENTS])
                more = begin + MOST_EVENTS < len(unsaid)
                self._waiting.append((at_ms, Emission(input_seq, part, first + begin, more)))
            self._changed.notify_all()

    def all_said(self) -> asyncio.Future[int]:
        """Done once everything handed over before this call is on ALARM: the sequence of the last of it."""
        reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._waiting:
            self._waiting.append(reached)
        else:
            reached.set_result(self.alarm_seq)
        return reached

    def check(self, last_seq: int) -> None:
        """Raises Fenced where ALARM goes on beyond what this engine has said."""
        if not self._waiting and last_seq > self.alarm_seq:
            raise Fenced(f"ALARM moved on to {last_seq} without this engine, which said {self.alarm_seq}")

    async def run(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._waiting))
            next_ = self._waiting[0]
            if isinstance(next_, asyncio.Future):
                if not next_.done():
                    next_.set_result(self.alarm_seq)
            else:
                await self._emit(*next_)
            async with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    async def _emit(self, at_ms: int, emission: Emission) -> None:
        now_ms = time.time_ns() // 1_000_000
        events = tuple(msgspec.structs.replace(event, emitted_at=now_ms) for event in emission.events)
        payload = encode(msgspec.structs.replace(emission, events=events, behind_ms=max(0, now_ms - at_ms)))
        while True:
            try:
                self.alarm_seq = await self._line.emit(payload, input_seq=emission.input_seq, expected=self.alarm_seq)
                break
            except LineFull as error:
                log.error("ALARM is full, alarms cannot be told", error=str(error))
                await asyncio.sleep(FULL_PAUSE_S)
            except Unavailable as error:
                log.warning("ALARM does not answer", error=str(error))
                await asyncio.sleep(PAUSE_S)
                if await self._arrived(payload):
                    break
        self.emitted_events += len(events)

    async def _arrived(self, payload: bytes) -> bool:
        """Whether the message without an answer is on ALARM after all."""
        try:
            last = await self._line.last_alarm()
        except Unavailable:
            return False  # asked again: a message that arrived after all then answers with Fenced, and we start anew
        if last is None or last.seq != self.alarm_seq + 1 or last.payload != payload:
            return False
        self.alarm_seq = last.seq
        return True


def said(last: AlarmMessage | None) -> Spoken:
    """What is on ALARM, by its last message."""
    if last is None:
        return Spoken()
    emission = decode_emission(last.payload)
    if emission.more:
        return Spoken(last.input_seq - 1, last.input_seq, emission.first + len(emission.events))
    return Spoken(last.input_seq)


def _claim(spoken: Spoken) -> Emission:
    if spoken.half_seq:
        return Emission(spoken.half_seq, (), spoken.half_events, more=True)
    return Emission(spoken.input_seq, ())
