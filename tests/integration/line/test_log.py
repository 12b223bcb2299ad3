"""The door to NATS against a real server: order, gaps, fencing, fullness, and a server that dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from line.log import Conflict, Fenced, Line, LineFull, Unavailable
from line.messages import Batch, Tick, decode
from line.streams import Limits
from tests.conftest import NatsServer


async def read(line: Line, after: int, count: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    async with aclosing(line.inputs(after)) as lists:
        async for messages in lists:
            found += [(m.seq, m.kind) for m in messages]
            if len(found) >= count:
                break
    return found


async def append_until_kept(line: Line, tick: Tick) -> None:
    while True:
        try:
            await line.append(tick)
            return
        except Unavailable:
            await asyncio.sleep(0.05)  # a real server comes back in real time


async def test_what_is_appended_is_read_in_order_and_then_the_tail(line: Line) -> None:
    for now in range(700):
        await line.append(Tick(now))
    assert await read(line, 100, 600) == [(seq, "tick") for seq in range(101, 701)]

    reading = asyncio.create_task(read(line, 700, 1))
    await line.append(Tick(700))
    assert await reading == [(701, "tick")]


async def test_a_reader_outlives_the_server_s_death(line: Line, nats_server: NatsServer) -> None:
    reading = asyncio.create_task(read(line, 0, 20))
    for now in range(10):
        await line.append(Tick(now))
    nats_server.kill()
    nats_server.start()
    for now in range(10, 20):
        await append_until_kept(line, Tick(now))
    assert await asyncio.wait_for(reading, 20) == [(seq, "tick") for seq in range(1, 21)]


async def test_an_engine_that_was_overtaken_is_refused(line: Line) -> None:
    first = await line.emit(b"{}", input_seq=7, expected=0)
    await line.emit(b"{}", input_seq=8, expected=first)
    with pytest.raises(Fenced):
        await line.emit(b"{}", input_seq=8, expected=first)
    last = await line.last_alarm()
    assert last is not None
    assert last.input_seq == 8


async def test_a_full_input_refuses_and_leaves_alarm_its_room(line: Line) -> None:
    await line.ensure(Limits(input_bytes=20_000, alarm_bytes=1 << 20))
    big = Batch(
        registry=1,
        hashes=np.zeros(1, np.uint64),
        gateways=np.zeros(1, np.int32),
        at_ms=np.zeros(1, np.int64),
        message=np.zeros(400, np.int32),
        points=np.zeros(400, np.int32),
        t_ms=np.zeros(400, np.int64),
        values=np.zeros(400),
        qualities=np.zeros(400, np.uint8),
        clocks=np.zeros(400, np.uint8),
        source_t_ms=np.zeros(400, np.int64),
    )
    await line.append(big)
    with pytest.raises(LineFull):
        await line.append(big)
    assert await line.emit(b"x" * 10_000, input_seq=1, expected=0)

    usage = await line.usage()
    assert usage.input_bytes <= usage.input_max_bytes == 20_000
    await line.trim(await line.last_input() + 1, 1)
    assert await line.append(big)


async def test_a_batch_comes_back_as_it_was_sent(line: Line) -> None:
    batch = Batch(
        registry=3,
        hashes=np.array([5], np.uint64),
        gateways=np.array([2], np.int32),
        at_ms=np.array([1_767_225_600_123], np.int64),
        message=np.array([0, 0], np.int32),
        points=np.array([1, 2], np.int32),
        t_ms=np.array([1, 2], np.int64),
        values=np.array([1.5, np.nan]),
        qualities=np.array([192, 0], np.uint8),
        clocks=np.array([0, 2], np.uint8),
        source_t_ms=np.array([1, 99], np.int64),
    )
    await line.append(batch)
    async with aclosing(line.inputs(0)) as lists:
        (message,) = await anext(lists)
    back = decode(message.kind, message.payload)
    assert isinstance(back, Batch)
    np.testing.assert_array_equal(back.values, batch.values)
    np.testing.assert_array_equal(back.source_t_ms, batch.source_t_ms)
    assert back.registry == 3


async def test_a_bucket_s_entry_is_made_once_and_changed_by_revision(line: Line) -> None:
    revision = await line.create("accounts", "user.ann", b"1")
    with pytest.raises(Conflict):
        await line.create("accounts", "user.ann", b"2")
    await line.update("accounts", "user.ann", b"3", revision)
    with pytest.raises(Conflict):
        await line.update("accounts", "user.ann", b"4", revision)
    assert await line.entries("accounts") == {"user.ann": b"3"}
    await line.delete("accounts", "user.ann")
    assert await line.get("accounts", "user.ann") is None
    assert await line.entries("accounts") == {}


async def test_a_watch_shows_what_is_there_then_changes_and_deletions(line: Line) -> None:
    await line.put("credentials", "E.G1", b"a")
    async with aclosing(line.watch("credentials")) as changes:
        assert await anext(changes) == ("E.G1", b"a")
        await line.put("credentials", "E.G2", b"b")
        assert await anext(changes) == ("E.G2", b"b")
        await line.delete("credentials", "E.G1")
        assert await anext(changes) == ("E.G1", None)


async def test_an_object_of_many_chunks_comes_back_whole(line: Line) -> None:
    data = bytes(range(256)) * 4096
    await line.put_object("snapshots", "engine-0", data)
    assert await line.get_object("snapshots", "engine-0") == data
    assert await line.get_object("snapshots", "none") is None


@pytest.fixture
async def other(line_url: str) -> AsyncIterator[Line]:
    connected = await Line.connect(line_url, name="other")
    yield connected
    await connected.close()


async def exclaim(payload: bytes) -> bytes:
    return payload + b"!"


async def test_a_question_is_answered_by_another_connection(line: Line, other: Line) -> None:
    await other.answer("hw.ping.test", exclaim)
    assert await line.ask("hw.ping.test", b"hello") == b"hello!"


async def test_who_answers_is_known_to_the_server_before_he_says_so(line: Line, other: Line) -> None:
    """What waits to be written is held up for a moment, as a busy machine does."""
    transport = other._nc._transport
    assert transport is not None
    write = transport.writelines

    def late(payload: list[bytes]) -> None:
        asyncio.get_running_loop().call_later(0.05, write, list(payload))

    transport.writelines = late  # type: ignore[method-assign]
    await other.answer("hw.ping.late", exclaim)
    assert await line.ask("hw.ping.late", b"hello") == b"hello!"
