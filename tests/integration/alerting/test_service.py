"""The engine's role on a real line: restarts, two of them, ticks, and a message that it cannot take."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec
import pytest

from alerting import service
from alerting.engine import Engine
from alerting.events import Ev, Event, State
from alerting.service import EngineStatus
from alerting.snapshot import NAMES, STORE, newest, opened, unpack_latest
from line.log import Fenced, Line, LineFull, Unavailable
from line.messages import Command
from line.streams import Limits
from tests.integration.alerting.conftest import Plant, engine, events, heard, running


async def test_a_reading_beyond_its_limit_raises_an_alarm(line: Line, plant: Plant) -> None:
    async with running(engine(line)):
        sent = time.time() * 1000
        await plant.read({"E1/FAST": 85.5, "E1/LOW": 1})
        _, event = await heard(line, lambda e: e.ev is Ev.ACTIVE)
        assert (event.tag, event.alarm, event.state, event.value, event.limit) == ("FAST", "H", State.UNACK, 85.5, 80)
        assert event.emitted_at is not None
        assert event.emitted_at - sent < 1000


async def test_a_tick_raises_what_no_reading_raises_any_more(line: Line, plant: Plant) -> None:
    async with running(engine(line)):
        t = plant.clock.now_ms()
        await plant.read({"E1/SLOW": 85}, t=t)
        _, event = await heard(line, lambda e: e.ev is Ev.ACTIVE)
        assert (event.tag, event.t) == ("SLOW", t + 3000)
        assert plant.clock.now_ms() - t < 6000


async def test_a_command_is_answered_with_its_verdict(line: Line, plant: Plant) -> None:
    async with running(engine(line)):
        await plant.read({"E1/FAST": 85})
        await heard(line, lambda e: e.ev is Ev.ACTIVE)
        await line.append(Command("c1", "ACK", "E1", "FAST", "H", "op", plant.clock.now_ms()))
        await line.append(Command("c2", "ACK", "E1", "FAST", "H", "op", plant.clock.now_ms()))
        assert (await heard(line, lambda e: e.command == "c1"))[1].ev is Ev.ACK
        assert (await heard(line, lambda e: e.command == "c2"))[1].ev is Ev.REJECT


async def test_killed_in_the_middle_of_a_delay_it_says_the_same_once(
    line: Line, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SNAPSHOT_S", 0.2)
    t = plant.clock.now_ms()
    async with running(engine(line)):
        await plant.read({"E1/FAST": 85, "E1/SLOW": 85}, t=t)
        await heard(line, lambda e: e.tag == "FAST")
        await _until_snapshot(line, await line.last_input())
    async with running(engine(line)):
        _, event = await heard(line, lambda e: e.tag == "SLOW")
        assert event.t == t + 3000
        await plant.read({"E1/FAST": 70})
        await heard(line, lambda e: e.tag == "FAST" and e.ev is Ev.RTN)
    said = [(e.tag, e.ev) for e in await events(line)]
    assert said == [("FAST", Ev.ACTIVE), ("SLOW", Ev.ACTIVE), ("FAST", Ev.RTN)]


async def test_without_its_snapshots_it_says_nothing_twice(line: Line, plant: Plant) -> None:
    async with running(engine(line)):
        for value in (85, 70, 85):
            await plant.read({"E1/FAST": value})
        await heard(line, lambda e: e.occ == 2)
    before = await events(line)
    async with running(engine(line)):
        await plant.read({"E1/FAST": 70})
        await heard(line, lambda e: e.ev is Ev.RTN and e.occ == 2)
    assert (await events(line))[:-1] == before


async def test_a_broken_snapshot_falls_back_to_the_one_before(
    line: Line, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SNAPSHOT_S", 0.2)
    async with running(engine(line)):
        await plant.read({"E1/FAST": 85})
        older = await _until_snapshot(line, await line.last_input())
        await plant.read({"E1/FAST": 70})
        newer = await _until_snapshot(line, await line.last_input())
    assert older < newer
    (name,) = [name for name in NAMES if await _input_seq(line, name) == newer]
    data = await line.get_object(STORE, name)
    assert data is not None
    await line.put_object(STORE, name, data[:-7] + b"garbage")
    found = await newest(line)
    assert found is not None
    assert found.input_seq == older
    async with running(engine(line)):
        await plant.read({"E1/FAST": 95})
        await heard(line, lambda e: e.alarm == "HH")
    assert [e.ev for e in await events(line)].count(Ev.ACTIVE) == 3


async def test_the_snapshot_holds_what_stands_and_what_was_read_last(
    line: Line, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SNAPSHOT_S", 0.2)
    async with running(engine(line)):
        await plant.read({"E1/FAST": 85, "E1/LOW": 12.5})
        await _until_snapshot(line, await line.last_input())
        found = await newest(line)
        assert found is not None
        assert [(e.tag, e.state) for e in found.standing] == [("FAST", State.UNACK)]
        assert found.alarm_seq == await line.last_alarm_seq()
        assert sorted(unpack_latest(found.latest).values.tolist()) == [12.5, 85.0]
        position = await line.get("positions", "engine")
        assert position is not None
        assert int(position[0]) <= found.input_seq


async def test_a_second_engine_silences_the_first(line: Line, plant: Plant) -> None:
    async with running(engine(line)) as first:
        await plant.read({"E1/FAST": 85})
        await heard(line, lambda e: e.tag == "FAST")
        async with running(engine(line)) as second:
            await asyncio.wait({first}, timeout=5)
            assert isinstance(first.exception(), Fenced)
            await plant.read({"E2/FAST": 85})
            await heard(line, lambda e: e.enterprise == "E2")
            assert not second.done()
    assert [(e.enterprise, e.ev) for e in await events(line)] == [("E1", Ev.ACTIVE), ("E2", Ev.ACTIVE)]


async def test_an_input_that_it_fails_on_is_set_aside_and_harms_nothing(
    line: Line, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Engine.apply

    def bad(self: Engine, message: object, at_ms: int) -> list[Event]:
        found = good(self, message, at_ms)  # type: ignore[arg-type]  # passed on as it came
        if isinstance(message, Command) and message.user == "poison":
            raise ZeroDivisionError("half done")
        return found

    monkeypatch.setattr(Engine, "apply", bad)
    async with running(engine(line)):
        await plant.read({"E1/FAST": 85})
        await heard(line, lambda e: e.tag == "FAST")
        await line.append(Command("c1", "ACK", "E1", "FAST", "H", "poison", plant.clock.now_ms()))
        _, verdict = await heard(line, lambda e: e.command == "c1")
        assert (verdict.ev, verdict.reason) == (Ev.REJECT, "internal_error")
        await plant.read({"E1/FAST": 86})
        await line.append(Command("c2", "ACK", "E1", "FAST", "H", "op", plant.clock.now_ms()))
        _, verdict = await heard(line, lambda e: e.command == "c2")
        assert verdict.ev is Ev.ACK, "the half-done acknowledgement was undone"
        status = await _status(line, lambda s: s.metrics["refused_inputs"] == 1)
        assert status.degraded == ("input-refused",)
        assert status.lag_ms == 0
    monkeypatch.setattr(Engine, "apply", good)
    async with running(engine(line)):  # with the defect gone it is still passed over: replay gives the same
        await plant.read({"E1/FAST": 70})
        _, event = await heard(line, lambda e: e.ev is Ev.RTN)
        assert event.state is State.NORM


async def test_ten_thousand_events_of_one_input_go_out_in_parts_and_once(
    line: Line, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.emitter.MOST_EVENTS", 2)
    async with running(engine(line)):
        await plant.read({"E1/FAST": 95, "E1/LOW": 85})
        await heard(line, lambda e: e.tag == "LOW")
    assert len(await events(line)) == 3
    async with running(engine(line)):
        await _answers(line)
    assert len(await events(line)) == 3


async def _answers(line: Line) -> None:
    async with asyncio.timeout(10):
        await line.ask("hw.ping.engine", timeout=5)


async def _status(line: Line, wanted: Callable[[EngineStatus], bool]) -> EngineStatus:
    async with asyncio.timeout(10):
        async for key, value in line.watch("roles"):
            if key == "engine" and value is not None:
                status = msgspec.json.decode(value, type=EngineStatus)
                if wanted(status):
                    return status
    raise AssertionError


async def _input_seq(line: Line, name: str) -> int:
    data = await line.get_object(STORE, name)
    snapshot = opened(data) if data else None
    return snapshot.input_seq if snapshot else -1


async def _until_snapshot(line: Line, input_seq: int) -> int:
    """The sequence of the first snapshot that covers an input."""
    async with asyncio.timeout(10):
        while True:
            found = await newest(line)
            if found is not None and found.input_seq >= input_seq:
                return found.input_seq
            await asyncio.sleep(0.05)  # an object store cannot be watched through the line


async def test_while_input_is_full_alarms_are_raised_all_the_same_and_not_again_when_there_is_room(
    line: Line, plant: Plant
) -> None:
    async with running(engine(line)):
        await plant.read({"E1/FAST": 1, "E1/SLOW": 1})
        await _until_current(line)
        await line.ensure(Limits(input_bytes=(await line.usage()).input_bytes + 1, alarm_bytes=64 << 20))
        waiting = plant.batch({"E1/FAST": 85, "E1/SLOW": 85})
        with pytest.raises(LineFull):
            await line.append(waiting)
        await line.shout(waiting)
        _, raised = await heard(line, lambda e: e.tag == "FAST" and e.ev is Ev.ACTIVE)
        _, delayed = await heard(line, lambda e: e.tag == "SLOW" and e.ev is Ev.ACTIVE)
        assert (raised.unlogged, delayed.unlogged) == (True, True)
        assert delayed.t == raised.t + 3000, "a delay does not wait for room either"

        await line.ensure(Limits(input_bytes=64 << 20, alarm_bytes=64 << 20))
        await line.append(waiting)
        await plant.read({"E1/LOW": 85})
        await heard(line, lambda e: e.tag == "LOW" and e.ev is Ev.ACTIVE)
        said = await events(line)
        assert [event.tag for event in said if event.ev is Ev.ACTIVE] == ["FAST", "SLOW", "LOW"]
        assert not said[-1].unlogged


async def _until_current(line: Line) -> None:
    """Returns once the engine has evaluated all that there is."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Unavailable):
                await line.ask(service.PING)
                return
            await asyncio.sleep(0.02)  # nobody listens yet
