"""Engines as real processes, killed and frozen: what is on ALARM is what one engine without a break would have said."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from alerting.events import Ev, State
from line.clock import SteadyClock
from line.log import Line
from line.messages import Command
from tests.integration.alerting.conftest import events, heard
from tests.integration.alerting.processes import Gateway, Role, current, no_seam, site_with

UP, DOWN = 90.0, 50.0
TENTHS = range(1, 10)
RUN_MS = 300  # how long delays have run when the engine is killed: of each another tenth


async def plant_with(line: Line, clock: SteadyClock, tags: Mapping[str, Mapping[str, object]]) -> Gateway:
    return Gateway(line, clock, await site_with(line, clock, tags.items()))


def delay_ms(tenth: int) -> int:
    return RUN_MS * 10 // tenth


DELAYED: dict[str, Mapping[str, object]] = {
    **{f"ON{n}": {"on_delay_s": delay_ms(n) / 1_000} for n in TENTHS},
    **{f"OFF{n}": {"off_delay_s": delay_ms(n) / 1_000} for n in TENTHS},
}


async def killed_in_mid_delay(line: Line, plant: Gateway, owner: Role, url: str, folder: Path) -> Role:
    """Delays of which each has run another tenth when the engine is killed; returns the engine that takes over."""
    await plant.read({tag: UP if tag.startswith("OFF") else DOWN for tag in DELAYED})
    await current(line)
    begun = plant.clock.now_ms()
    await plant.read({tag: DOWN if tag.startswith("OFF") else UP for tag in DELAYED}, t=begun)
    await asyncio.sleep((begun + RUN_MS - plant.clock.now_ms()) / 1_000)  # delays of a real process run in real time
    owner.kill()
    told = await since(line, begun)
    assert len(told) <= 8, "most delays were running"
    follower = Role(url, folder)
    due = {f"{way}{n}": begun + delay_ms(n) for way in ("ON", "OFF") for n in TENTHS}
    await heard(line, lambda e: e.tag == "OFF1" and e.ev is Ev.RTN and e.since == begun, seconds=15)
    await heard(line, lambda e: e.tag == "ON1" and e.ev is Ev.ACTIVE and e.since == begun)
    assert await since(line, begun) == due, "each at the moment at which it would have been told without the kill"
    return follower


async def since(line: Line, begun: int) -> dict[str, int]:
    """What was told of conditions that began then, and when it came true."""
    return {event.tag: event.t for event in await events(line) if event.since == begun}


async def test_a_kill_in_the_middle_of_on_and_off_delays_moves_none_of_them(
    line: Line, line_url: str, clock: SteadyClock, tmp_path: Path
) -> None:
    plant = await plant_with(line, clock, DELAYED)
    with Role(line_url, tmp_path) as owner, await killed_in_mid_delay(line, plant, owner, line_url, tmp_path):
        assert len(await no_seam(line)) == 9 + 9 + 9


MANY = 10_000


async def test_ten_thousand_alarms_stand_as_they_stood_after_a_kill_and_the_next_is_not_kept_waiting(
    line: Line, line_url: str, clock: SteadyClock, tmp_path: Path
) -> None:
    tags = {f"T{n}": {"on_delay_s": 0} for n in range(MANY)}
    plant = await plant_with(line, clock, {**tags, "NEXT": {"priority": 1}})
    with Role(line_url, tmp_path) as owner:
        await plant.read(dict.fromkeys(tags, UP))
        for n in range(100):
            await line.append(Command(f"c{n}", "ACK", "E1", f"T{n * 7}", "H", f"op{n % 3}", clock.now_ms()))
        await current(line)
        before = await no_seam(line)
        assert len(before) == MANY + 100
        owner.kill()
    killed = time.monotonic()
    with Role(line_url, tmp_path):
        await plant.read({"NEXT": UP})
        await heard(line, lambda e: e.tag == "NEXT")
        took_s = time.monotonic() - killed
        await plant.read({**dict.fromkeys(tags, UP), "NEXT": UP})  # raises nothing again
        await current(line)
    after = await no_seam(line)
    assert after[:-1] == before, "0 new, 0 missing, 0 not acknowledged any more"
    assert Counter((e.ev, e.state) for e in after) == {
        (Ev.ACTIVE, State.UNACK): MANY + 1,
        (Ev.ACK, State.ACKED): 100,
    }
    print(f"\nfirst alarm {took_s:.2f} s after the kill, {MANY} standing")
    assert took_s < 5


FROZEN = {"A": {}, "B": {}, "SLOW": {"on_delay_s": 1}, "LATER": {"on_delay_s": 3}}


async def frozen_and_woken(
    line: Line, plant: Gateway, owner: Role, url: str, folder: Path, *, frozen_s: float = 0
) -> Role:
    """The owner is frozen in the middle of a delay and wakes when another has taken over; returns that one."""
    t = plant.clock.now_ms()
    await plant.read({"A": UP, "B": DOWN, "SLOW": UP, "LATER": UP}, t=t)
    await heard(line, lambda e: e.tag == "A" and e.t == t)
    owner.stop()
    started = time.monotonic()
    follower = Role(url, folder)
    await plant.read({"B": UP})
    await heard(line, lambda e: e.tag == "B" and e.ev is Ev.ACTIVE and e.t >= t)
    assert time.monotonic() - started < 10, "the other has taken over"
    _, slow = await heard(line, lambda e: e.tag == "SLOW" and e.ev is Ev.ACTIVE and e.since == t)
    assert slow.t == t + 1_000
    await asyncio.sleep(frozen_s)
    owner.wake()  # it knows of nothing, and has readings and timers to speak of
    await plant.read({"A": DOWN})
    assert await owner.ended(15) != 0
    assert "ALARM moved on without this engine" in owner.log()
    await heard(line, lambda e: e.tag == "LATER" and e.ev is Ev.ACTIVE and e.since == t)
    await plant.read({"A": DOWN, "B": DOWN, "SLOW": DOWN, "LATER": DOWN})
    await heard(line, lambda e: e.tag == "LATER" and e.ev is Ev.RTN and e.t >= t)
    await current(line)
    return follower


async def test_an_owner_that_was_frozen_says_nothing_any_more_and_the_takeover_shows_no_seam(
    line: Line, line_url: str, clock: SteadyClock, tmp_path: Path
) -> None:
    plant = await plant_with(line, clock, FROZEN)
    with Role(line_url, tmp_path) as owner, await frozen_and_woken(line, plant, owner, line_url, tmp_path):
        said = await no_seam(line)
    assert Counter((e.tag, e.ev) for e in said) == {(tag, ev): 1 for tag in FROZEN for ev in (Ev.ACTIVE, Ev.RTN)}
