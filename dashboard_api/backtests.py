"""Backtests that were asked for to processes, one at a time, and what they say to progress and a result."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
import structlog

from alerting.backtest import Comparison
from alerting.backtest_job import Job, Line

log = structlog.get_logger()

MOST_KEPT = 50  # the oldest that are over are forgotten
MOST_WAITING = 10
MOST_LINE_BYTES = 64 * 1024 * 1024  # of a result


class State(StrEnum):
    """How far a backtest is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = (State.DONE, State.FAILED, State.CANCELLED)


class TooManyError(Exception):
    """So many wait already that another would not begin for long."""


@dataclass(slots=True)
class Backtest:
    """One of them. `enterprises` are those whose readings it reads; times in Unix milliseconds of our clock."""

    id: str
    enterprises: frozenset[str]
    by: str
    asked_at: int
    job: Job
    changes: list[dict[str, Any]]
    state: State = State.QUEUED
    done: float = 0.0
    readings: int = 0
    about: int | None = None  # readings in all
    remaining_s: float | None = None
    result: Comparison | None = None
    error: str | None = None
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)


class Backtests:
    """All since this api was started; they live and end with it. `run` works them off, one after the other."""

    def __init__(self) -> None:
        self._known: dict[str, Backtest] = {}
        self._asked: asyncio.Queue[Backtest] = asyncio.Queue()

    def ask(
        self, job: Job, changes: list[dict[str, Any]], *, enterprises: frozenset[str], by: str, now_ms: int
    ) -> Backtest:
        """Another one, to be done when those before it are."""
        if sum(one.state == State.QUEUED for one in self._known.values()) >= MOST_WAITING:
            raise TooManyError(f"{MOST_WAITING} backtests are waiting already")
        one = Backtest(uuid.uuid4().hex, enterprises, by, now_ms, job, changes)
        self._known[one.id] = one
        self._asked.put_nowait(one)
        over = [known.id for known in self._known.values() if known.state in OVER]
        for old in over[: max(0, len(self._known) - MOST_KEPT)]:
            del self._known[old]
        return one

    def get(self, identity: str) -> Backtest | None:
        return self._known.get(identity)

    def all(self) -> list[Backtest]:
        """The newest first."""
        return list(reversed(self._known.values()))

    def cancel(self, one: Backtest) -> None:
        """Ends it, if it is not over."""
        if one.state not in OVER:
            one.state = State.CANCELLED
            if one.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    one.process.kill()

    async def run(self) -> None:
        """Works until it is cancelled; a process that runs then is ended."""
        while True:
            one = await self._asked.get()
            if one.state != State.QUEUED:
                continue
            try:
                await self._work(one)
            except (OSError, ValueError) as error:  # no process to be had, or one that says what nobody understands
                if one.state in OVER:  # it was killed in the middle of a line
                    continue
                one.state, one.error = State.FAILED, repr(error)
                log.exception("backtest failed", backtest=one.id)

    async def _work(self, one: Backtest) -> None:
        one.state = State.RUNNING
        one.process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "alerting.backtest_job", limit=MOST_LINE_BYTES,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            if one.state != State.RUNNING:  # cancelled while its process was being started
                return
            _, fault, _ = await asyncio.gather(_tell(process, one.job), _complaint(process), _hear(process, one))
            await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            one.process = None
        if one.state == State.RUNNING:
            one.state = State.FAILED if one.result is None else State.DONE
            if one.state == State.FAILED and one.error is None:
                one.error = f"its process ended with {process.returncode}"
                log.error("backtest failed", backtest=one.id, fault=fault)


async def _tell(process: asyncio.subprocess.Process, job: Job) -> None:
    if process.stdin is not None:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(msgspec.json.encode(job))
            await process.stdin.drain()
        process.stdin.close()


async def _complaint(process: asyncio.subprocess.Process) -> str:
    return "" if process.stderr is None else (await process.stderr.read()).decode(errors="replace")[-2_000:]


async def _hear(process: asyncio.subprocess.Process, one: Backtest) -> None:
    if process.stdout is None:
        return
    async for text in process.stdout:
        line = msgspec.json.decode(text, type=Line)
        one.done, one.readings, one.about, one.remaining_s = line.done, line.readings, line.about, line.remaining_s
        one.error = line.error
        one.result = line.result
