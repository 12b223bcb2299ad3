"""A way to start a process to a child that is kept alive until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from hazardwatch.faults import Fault
from hazardwatch.servers.postgres import ServerFailed
from hazardwatch.servers.process import end, tied

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
SETTLED_S = 10.0  # a child that lived this long is not failing at its start: the next pause is short again


class Child:
    """One process; when it dies without being asked to, that is said loudly and it is started again."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Process]],
        stop: Callable[[Process], Awaitable[object]],
    ) -> None:
        self.name = name
        self.process: Process | None = None
        self.deaths = 0
        self._start = start
        self._stop = stop
        self._stopping = asyncio.Event()
        self._starting: asyncio.Future[Process] | None = None

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def keep(self) -> None:
        """Runs until `stop`, or until cancelled, which leaves the process to `stop`."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            self._starting = asyncio.ensure_future(self._start())
            try:
                self.process = await self._starting
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
                return
            except (ServerFailed, Fault, OSError) as error:
                log.error("cannot be started, will be tried again", child=self.name, error=str(error))
            else:
                log.info("started", child=self.name, pid=self.process.pid)
                code = await self.process.wait()
                if self._stopping.is_set():
                    return
                self.deaths += 1
                log.error("died, is started again", child=self.name, ended_with=_ending(code), deaths=self.deaths)
            if time.monotonic() - began > SETTLED_S:
                pause_s = FIRST_PAUSE_S
            try:
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            except TimeoutError:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def restart(self, why: str) -> None:
        """Ends the process as `stop` would; `keep` starts it again."""
        if self.process is not None and self.lives:
            log.error("is restarted", child=self.name, why=why)
            await self._stop(self.process)

    async def stop(self) -> None:
        """Also where it is only being started: then that is given up."""
        self._stopping.set()
        if self._starting is not None and self._starting.cancel():
            await asyncio.wait([self._starting])
        if self.process is not None and self.lives:
            await self._stop(self.process)
            log.info("stopped", child=self.name, ended_with=_ending(self.process.returncode or 0))


def python(name: str, words: Sequence[str], environment: Mapping[str, str], fds: Sequence[int] = ()) -> Child:
    """A module of this installation as a child: `python -m WORDS`, saying what it has to say where we do."""

    async def start() -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, **environment},
            pass_fds=fds,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop our children in order
            preexec_fn=tied(signal.SIGKILL),
        )

    async def stop(process: Process) -> None:
        await end(process, (signal.SIGTERM, 3.0))

    return Child(name, start, stop)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else str(code)
