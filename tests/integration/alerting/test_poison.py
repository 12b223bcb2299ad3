"""Messages of INPUT that no engine can take: alarms wait for less than a second, and the platform tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from alerting.evaluation import refused_inputs
from alerting.events import Ev
from alerting.service import EngineStatus
from hazardwatch import watch
from line.clock import SteadyClock
from line.log import Line
from line.messages import encode
from line.streams import INPUT, input_subject
from tests.integration.alerting.conftest import engine, heard, running
from tests.integration.alerting.processes import Gateway, current, site_with

UP, DOWN = 90.0, 50.0
TAGS: tuple[tuple[str, dict[str, object]], ...] = (("A", {}), ("B", {}), ("SLOW", {"on_delay_s": 1}))


def columns_that_do_not_fit(plant: Gateway) -> tuple[str, bytes]:
    """A batch that can be read and on which the engine fails, half-way."""
    batch = plant.batch({"A": UP, "B": UP})
    return "batch", encode(replace(batch, values=batch.values[:1]))


POISON: dict[str, Callable[[Gateway], tuple[str, bytes]]] = {
    "no batch at all": lambda plant: ("batch", b"\xff not one of ours"),
    "a kind that nobody knows": lambda plant: ("news", b"\x80"),
    "columns that do not fit": columns_that_do_not_fit,
}


async def append_raw(line: Line, kind: str, payload: bytes) -> int:
    return await line._publish(input_subject(kind), payload, INPUT, {}, 5.0)


async def test_what_no_engine_can_take_is_set_aside_within_a_second_and_is_an_alarm_of_the_platform(
    line: Line, clock: SteadyClock
) -> None:
    site = await site_with(line, clock, TAGS)
    plant = Gateway(line, clock, site)
    async with running(engine(line)):
        first = clock.now_ms()
        await plant.read({"A": DOWN, "B": DOWN, "SLOW": UP}, t=first)
        for number, make in enumerate(POISON.values()):
            begun = clock.now_ms()
            await current(line)
            poison = await append_raw(line, *make(plant))
            sent = clock.now_ms()
            await plant.read({"B": UP})
            _, told = await heard(line, lambda e: e.tag == "B" and e.ev is Ev.ACTIVE and e.t >= begun)  # noqa: B023  asked at once
            assert told.emitted_at is not None
            assert told.emitted_at - sent < 1_000, "the lane does not stand still"
            assert len(await refused_inputs(line)) == number + 1
            assert poison in await refused_inputs(line)
            await plant.read({"A": DOWN, "B": DOWN})

        _, slow = await heard(line, lambda e: e.tag == "SLOW" and e.ev is Ev.ACTIVE)
        assert slow.t == first + 1_000, "a delay goes on over all of them"
        status = await degraded(line)
        bad = watch.judge(now_ms=clock.now_ms(), statuses={"engine": status}, used_percent=0, sync_ms=0)
        assert bad["engine-lag"]
        said = watch.batch(site, bad, clock.now_ms())
        assert said is not None
        await line.append(said)
        _, alarm = await heard(line, lambda e: e.tag == "engine-lag" and e.ev is Ev.ACTIVE)
        assert (alarm.enterprise, alarm.priority) == ("platform", 2)
    async with running(engine(line)):  # another one passes over the same messages
        await plant.read({"A": UP})
        await heard(line, lambda e: e.tag == "A" and e.ev is Ev.ACTIVE)


async def degraded(line: Line) -> watch.RoleStatus:
    """The engine's own words, as whoever watches the roles reads them."""
    async with asyncio.timeout(10):
        async for role, value in line.watch("roles"):
            if role == "engine" and value is not None:
                status = msgspec.json.decode(value, type=EngineStatus)
                if status.degraded:
                    assert status.degraded == ("input-refused",)
                    return msgspec.json.decode(value, type=watch.RoleStatus)
    raise AssertionError
