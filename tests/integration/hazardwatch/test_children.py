"""A child is kept alive until it is stopped, also when it is only just starting."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process

import pytest

from hazardwatch.children import Child
from hazardwatch.servers.postgres import ServerFailed
from hazardwatch.servers.process import end


async def sleeper() -> Process:
    return await asyncio.create_subprocess_exec("sleep", "60")


async def until(child: Child, deaths: int) -> None:
    for _ in range(500):
        if child.deaths >= deaths and child.lives:
            return
        await asyncio.sleep(0.01)  # a real process takes real time
    pytest.fail("it does not live")


async def test_a_child_that_dies_is_started_again_until_it_is_stopped() -> None:
    child = Child("sleeper", sleeper, end)
    keeping = asyncio.create_task(child.keep())
    await until(child, 0)
    assert child.process is not None
    first = child.process
    first.kill()
    await until(child, 1)
    second = child.process
    assert second is not first
    await child.stop()
    await keeping
    assert second.returncode is not None
    assert not child.lives


async def test_what_cannot_be_started_is_tried_again() -> None:
    attempts = 0

    async def third_time() -> Process:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ServerFailed("no room")
        return await sleeper()

    child = Child("stubborn", third_time, end)
    keeping = asyncio.create_task(child.keep())
    await until(child, 0)
    assert attempts == 3
    await child.stop()
    await keeping


async def test_a_start_that_is_under_way_is_given_up() -> None:
    begun = asyncio.Event()
    given_up = asyncio.Event()

    async def slow() -> Process:
        begun.set()
        try:
            await asyncio.sleep(60)  # never waited for: it is cancelled
        finally:
            given_up.set()
        return await sleeper()

    child = Child("slow", slow, end)
    keeping = asyncio.create_task(child.keep())
    await begun.wait()
    await child.stop()
    await keeping
    assert given_up.is_set()
    assert child.process is None


@pytest.mark.parametrize("program", ["trap '' INT TERM; sleep 60", "exit 3"], ids=["deaf", "gone"])
async def test_an_end_is_an_end(program: str) -> None:
    process = await asyncio.create_subprocess_exec("bash", "-c", program)
    await asyncio.sleep(0.2)  # a shell needs real time to become deaf
    code = await end(process, (signal.SIGTERM, 0.2))
    assert code in {-9, 3}
