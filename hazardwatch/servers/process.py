"""A server's program to a child that has no root rights, reaches its own folder only, and dies with us."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ACCOUNTS = ("hazardwatch", "nobody")  # whom a server of root's platform runs as: the first of these that exists
LOG_BYTES = 10_000_000  # a server's log larger than this is put aside when the server starts
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as."""

    uid: int
    gid: int


def account(folder: Path) -> Account | None:
    """None where we are an ordinary user already; as root the folder's owner, or the first of ACCOUNTS there is."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and (found := folder.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


class Room:
    """A folder that belongs to a server's account, and the path by which that account reaches it.

    As root the folder may lie under one that only root may enter (/root, a private temporary folder), and rights
    outside our own folder are not ours to widen. So the server gets the folder as an inherited descriptor: the kernel
    follows /proc/self/fd/N without looking at the folders above.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.account = account(folder)
        self.fds: tuple[int, ...] = ()
        self.path = str(folder)
        if self.account is not None:
            os.chown(folder, self.account.uid, self.account.gid)
            self.fds = (os.open(folder, os.O_RDONLY | os.O_DIRECTORY),)
            self.path = f"/proc/self/fd/{self.fds[0]}"

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = ()

    def write(self, name: str, text: str) -> None:
        """Replaces a file of the folder at once; only the server's account may read it."""
        new = self.folder / f"{name}.new"
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)  # the folder is not ours alone
        with os.fdopen(fd, "w") as file:
            if self.account is not None:
                os.fchown(fd, self.account.uid, self.account.gid)
            file.write(text)
            file.flush()
            os.fsync(fd)
        new.replace(self.folder / name)


async def start(
    command: Sequence[str],
    *,
    room: Room,
    log: Path,
    dies_by: signal.Signals,
    executable: str | None = None,
    fds: Sequence[int] = (),
) -> Process:
    """Starts a server in its room; its output goes to `log`; when we die it gets `dies_by` from the kernel."""
    as_whom: dict[str, object] = {}
    if room.account is not None:
        as_whom = {"user": room.account.uid, "group": room.account.gid, "extra_groups": []}
    with _opened(log) as output:
        return await asyncio.create_subprocess_exec(
            *command,
            executable=executable,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/"},
            cwd="/",
            pass_fds=(*room.fds, *fds),
            start_new_session=True,  # Ctrl-C reaches us alone; we stop our children in order
            preexec_fn=tied(dies_by),
            **as_whom,  # type: ignore[arg-type]  # the keys of Popen
        )


def _opened(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".old"))
    return log.open("ab")


def tied(dies_by: signal.Signals) -> Callable[[], None] | None:
    """What a child does first, after it has dropped its rights: asks the kernel for a signal when its parent dies.

    The kernel means the thread that made the child: start children from the main thread only.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
        if os.getppid() != parent:  # died between fork and here
            os._exit(1)

    return tie


async def end(process: Process, *steps: tuple[signal.Signals, float]) -> int:
    """Asks a child to end by each signal in turn, waiting the seconds given with it, at last by SIGKILL."""
    for step, seconds in steps:
        if process.returncode is not None:
            break
        try:
            process.send_signal(step)
            return await asyncio.wait_for(process.wait(), seconds)
        except ProcessLookupError:
            break
        except TimeoutError:
            continue
    if process.returncode is None:
        process.kill()
    return await process.wait()
