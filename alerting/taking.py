"""The state of one moment to bytes in memory, written by a copy of the process while this one goes on."""

from __future__ import annotations

import asyncio
import gc
import io
import mmap
import os
import signal
import warnings
from collections.abc import Callable
from typing import NoReturn


class TakingError(Exception):
    """The copy of the process could not be made, or it failed."""


class Taking:
    """What `write` writes of the state as it is now, into a file in memory; `written` waits for it.

    The process is forked: the copy shares all memory until one of the two changes it, so that this one stops only for
    the time of the fork. The copy writes and ends; it touches no connection and no file but that one.
    """

    def __init__(self, write: Callable[[io.BufferedRandom], None]) -> None:
        self._file = os.fdopen(os.memfd_create("hazardwatch-snapshot"), "w+b")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # other threads hold no lock that the copy takes
                self.pid = os.fork()
        except OSError as error:
            self._file.close()
            raise TakingError(f"the process cannot be copied: {error}") from error
        if self.pid == 0:
            _write(self._file, write)

    async def written(self) -> io.BufferedRandom:
        """The file, at its beginning. Raises TakingError where the copy failed."""
        ended = asyncio.ensure_future(asyncio.to_thread(os.waitpid, self.pid, 0))
        try:
            _, status = await asyncio.shield(ended)
        except asyncio.CancelledError:
            os.kill(self.pid, signal.SIGKILL)
            await ended
            self._file.close()
            raise
        if status:
            self._file.close()
            raise TakingError(f"the process that wrote the snapshot ended with {status}")
        self._file.seek(0)
        return self._file


def _write(file: io.BufferedRandom, write: Callable[[io.BufferedRandom], None]) -> NoReturn:
    """All that the copy does."""
    code = 1
    try:
        gc.disable()  # or it would copy every page that it looks at
        write(file)
        file.flush()
        code = 0
    finally:
        os._exit(code)


def mapped(file: io.BufferedRandom) -> mmap.mmap:
    """The whole file as memory that can be read and hashed without a copy."""
    return mmap.mmap(file.fileno(), 0)
