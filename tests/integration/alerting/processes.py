"""The engine as a process of its own, which can be killed and stopped, and what an undisturbed one would have said."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import psutil

from alerting.engine import Engine
from alerting.evaluation import Evaluation
from alerting.events import Event
from alerting.replay import readings_batch
from line.clock import SteadyClock
from line.log import Line, Unavailable
from line.messages import Batch
from registry.alarms import Plan
from registry.site import Site
from tests.integration.alerting.conftest import events, import_site


class Role:
    """`hazardwatch ROLE` on the line of the test; leaving the block kills it."""

    def __init__(self, url: str, folder: Path, role: str = "engine", *words: str) -> None:
        self._log = folder / f"{role}.log"
        line = [
            sys.executable,
            "-m",
            "hazardwatch",
            role,
            "--nats-url",
            url,
            "--data-dir",
            str(folder / "data"),
            *words,
        ]
        own = {name: value for name, value in os.environ.items() if not name.startswith("HAZARDWATCH_")}
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(line, stdout=output, stderr=output, env=own)

    def __enter__(self) -> Role:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As a frozen host would: it does nothing, and does not know it."""
        self.process.send_signal(signal.SIGSTOP)
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)  # a real process stops in real time

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def ended(self, seconds: float) -> int:
        return await asyncio.to_thread(self.process.wait, seconds)

    def log(self) -> str:
        return self._log.read_text(errors="replace")


async def current(line: Line, seconds: float = 20) -> None:
    """Returns once an engine has evaluated all that is on INPUT."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await line.ask("hw.ping.engine", timeout=5)
                return
            except Unavailable:
                await asyncio.sleep(0.02)  # a real process starts in real time


def tags_file(tags: Iterable[tuple[str, Mapping[str, object]]]) -> str:
    """tags.csv: each tag H 80 with a deadband of 2, and what differs."""
    columns = ("h", "deadband", "priority", "stale_s", "on_delay_s", "off_delay_s", "ack_on_return")
    usual: dict[str, object] = {"h": 80, "deadband": 2, "priority": 3, "stale_s": 3600, "on_delay_s": 0}
    rows = [
        f"E1,TF1,{tag},other,m,{','.join(str({**usual, **more}.get(column, '')) for column in columns)}"
        for tag, more in tags
    ]
    return "\n".join([f"enterprise,source,tag,kind,unit,{','.join(columns)}", *rows, ""])


async def site_with(line: Line, clock: SteadyClock, tags: Iterable[tuple[str, Mapping[str, object]]]) -> Site:
    """Puts a site of one enterprise with these tags in force."""
    files = {
        "regions.csv": "code,name,parent\n330000,Province,\n",
        "enterprises.csv": "code,name,region\nE1,First,330000\n",
        "sources.csv": "enterprise,code,name\nE1,TF1,Tank farm\n",
        "gateways.csv": "enterprise,code\nE1,GW1\n",
        "tags.csv": tags_file(tags),
    }
    return await import_site(line, files, clock)


class Gateway:
    """The one gateway of such a site: every call is a message, as ingest would append it."""

    def __init__(self, line: Line, clock: SteadyClock, site: Site) -> None:
        self._line, self._site, self.clock = line, site, clock
        self._hashes = itertools.count(1)

    def batch(self, values: Mapping[str, float], *, t: int | None = None) -> Batch:
        now = self.clock.now_ms()
        n = len(values)
        made = readings_batch(
            gateways=np.array([self._site.gateways["E1/GW1"].id], np.int32), at_ms=np.array([now], np.int64),
            message=np.zeros(n, np.int32),
            points=np.array([self._site.tags[f"E1/{tag}"].id for tag in values], np.int32),
            t_ms=np.full(n, now if t is None else t, np.int64), values=np.array(list(values.values()), np.float64),
            qualities=np.full(n, 192, np.uint8),
        )  # fmt: skip
        made.hashes[:] = next(self._hashes)
        return Batch(**{name: getattr(made, name) for name in Batch.__slots__} | {"registry": self._site.version})

    async def read(self, values: Mapping[str, float], *, t: int | None = None) -> int:
        return await self._line.append(self.batch(values, t=t))


def plain(said: Sequence[Event]) -> list[Any]:
    """Events without the moment at which they went out."""
    return [msgspec.to_builtins(msgspec.structs.replace(event, emitted_at=None)) for event in said]


async def undisturbed(line: Line) -> list[Event]:
    """What an engine says of INPUT that evaluates it from the first message to the last without a break."""
    evaluation = Evaluation(line, Engine(Plan(version=0)), 0, 0, {})
    last = await line.last_input()
    said: list[Event] = []
    async with aclosing(line.inputs(0)) as lists:
        async for messages in lists:
            for message in messages:
                said += await evaluation.take(message)
            if messages[-1].seq >= last:
                return said
    raise AssertionError("INPUT ended")


async def no_seam(line: Line) -> list[Event]:
    """All that was said; it must be what an undisturbed engine says: nothing twice, nothing missing, in its order."""
    expected = await undisturbed(line)
    said = await events(line)
    async with asyncio.timeout(20):
        while len(said) < len(expected):
            await asyncio.sleep(0.02)  # what is evaluated is said a moment later
            said = await events(line)
    assert plain(said) == plain(expected)
    return said
