"""A small site on a real line, readings for it, and what comes of them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from alerting import service
from alerting.events import Emission, Event, decode_emission, encode, event_seq
from line.clock import SteadyClock
from line.log import Line
from line.messages import CLOCK_GATEWAY, Batch
from registry.site import Site
from registry.store import current, import_files

FILES = {
    "regions.csv": "code,name,parent\n330000,Province,\n330200,City,330000\n330211,County,330200\n440000,Elsewhere,\n",
    "enterprises.csv": "code,name,region,exercise\nE1,First,330211,\nE2,Second,440000,\nX1,Drill,330200,true\n",
    "sources.csv": "enterprise,code,name\nE1,TF1,Tank farm\nE2,TF2,Other tank farm\nX1,TX,Drill tank\n",
    "gateways.csv": "enterprise,code\nE1,GW1\nE2,GW2\nX1,GWX\n",
    "tags.csv": (
        "enterprise,source,tag,kind,unit,h,hh,deadband,priority,stale_s,on_delay_s,ack_on_return\n"
        "E1,TF1,FAST,other,m,80,90,2,1,3600,0,\n"
        "E1,TF1,SLOW,other,m,80,,2,2,3600,3,\n"
        "E1,TF1,LOW,other,m,80,,2,4,3600,0,false\n"
        "E2,TF2,FAST,other,m,80,,2,3,3600,0,\n"
        "X1,TX,FAST,other,m,80,,2,2,3600,0,\n"
    ),
}


class Plant:
    """Sends readings of tags, as ingest would; `t` is the event time in Unix milliseconds."""

    def __init__(self, line: Line, clock: SteadyClock, site: Site) -> None:
        self._line, self._site, self.clock = line, site, clock
        self._hashes = itertools.count(1)

    async def read(self, values: dict[str, float], *, t: int | None = None, quality: int = 192) -> int:
        return await self._line.append(self.batch(values, t=t, quality=quality))

    def batch(self, values: dict[str, float], *, t: int | None = None, quality: int = 192) -> Batch:
        now = self.clock.now_ms()
        n = len(values)
        points = [self._site.tags[key].id for key in values]
        enterprise = next(iter(values)).partition("/")[0]
        gateway = next(g.id for g in self._site.gateways.values() if g.enterprise == enterprise)
        return Batch(
            registry=self._site.version,
            hashes=np.array([next(self._hashes)], np.uint64),
            gateways=np.array([gateway], np.int32),
            at_ms=np.array([now], np.int64),
            message=np.zeros(n, np.int32),
            points=np.array(points, np.int32),
            t_ms=np.full(n, now if t is None else t, np.int64),
            values=np.array(list(values.values()), np.float64),
            qualities=np.full(n, quality, np.uint8),
            clocks=np.full(n, CLOCK_GATEWAY, np.uint8),
            source_t_ms=np.full(n, now if t is None else t, np.int64),
        )


async def import_site(line: Line, files: dict[str, str], clock: SteadyClock) -> Site:
    """Puts a site in force."""
    encoded = {name: text.encode() for name, text in files.items()}
    await import_files(line, encoded, by="test", now_ms=clock.now_ms)
    return await current(line)


@pytest.fixture
async def clock(line: Line) -> SteadyClock:
    return await SteadyClock.open(line)


@pytest.fixture
async def plant(line: Line, clock: SteadyClock) -> Plant:
    return Plant(line, clock, await import_site(line, FILES, clock))


@asynccontextmanager
async def running(role: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    """A role as a task; cancelled at the end, as a kill would end it, unless it has ended by itself."""
    task: asyncio.Task[None] = asyncio.ensure_future(role(asyncio.Event()))
    try:
        yield task
    finally:
        if task.done() and not task.cancelled() and task.exception() is not None:
            logging.getLogger(__name__).error("the role ended by itself", exc_info=task.exception())
        task.cancel()
        await asyncio.wait({task})


def engine(line: Line) -> Callable[[asyncio.Event], Awaitable[None]]:
    return lambda stop: service.run(line, stop=stop)


async def heard(
    line: Line, wanted: Callable[[Event], bool], *, after: int = 0, seconds: float = 10
) -> tuple[int, Event]:
    """The first event on ALARM that is wanted, with its number."""
    async with asyncio.timeout(seconds), aclosing(line.alarms(after)) as lists:
        async for messages in lists:
            for message in messages:
                for index, event in enumerate(decode_emission(message.payload).events):
                    if wanted(event):
                        return event_seq(message.seq, index), event
    raise AssertionError("ALARM ended")


async def events(line: Line) -> list[Event]:
    """Everything on ALARM until now."""
    last = await line.last_alarm_seq()
    found: list[Event] = []
    if last == 0:
        return found
    async with asyncio.timeout(10), aclosing(line.alarms(0)) as lists:
        async for messages in lists:
            for message in messages:
                found += decode_emission(message.payload).events
            if messages[-1].seq >= last:
                break
    return found


class Voice:
    """Says events on ALARM, as the engine would."""

    def __init__(self, line: Line) -> None:
        self._line, self.seq, self._input_seq = line, 0, 0

    async def say(self, *said: Event, behind_ms: int = 0) -> None:
        self._input_seq += 1
        payload = encode(Emission(self._input_seq, said, behind_ms=behind_ms))
        self.seq = await self._line.emit(payload, input_seq=self._input_seq, expected=self.seq)
