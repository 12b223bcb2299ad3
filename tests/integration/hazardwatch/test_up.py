"""`hazardwatch up` as a process: what it starts, what it says, what it leaves behind."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hazardwatch.running import PLATFORM
from tests.conftest import free_port
from tests.integration.hazardwatch.platform import ENVIRONMENT, Up


def left(family: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(family, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def assert_ends(up: Up, number: signal.Signals) -> None:
    """In ten seconds, without a complaint, and nothing is left running."""
    family = up.family()
    began = time.monotonic()
    assert up.stop(number) == 0
    assert time.monotonic() - began < 10
    assert not left(family, 0.5)
    assert not (up.data_dir / PLATFORM).exists()
    assert "Traceback" not in up.output.read_text().rpartition("stopping")[2]


def test_kill_9_leaves_nothing_running_and_the_folder_usable(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.database_ready().says("subscribed")
    family = up.family()
    assert {process.name() for process in psutil.Process(up.process.pid).children()} >= {"nats-server", "postgres"}
    up.process.kill()
    up.process.wait()
    again = Up(tmp_path)
    assert not left(family, 5)
    again.database_ready()
    assert_ends(again, signal.SIGINT)


def test_whatever_dies_is_started_again_and_said(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.database_ready().says("subscribed")
    for name in ("nats-server", "postgres", "ingest"):
        child = up.child(name)
        child.kill()
        child.wait(5)
        up.says(rf"died, is started again +child={name} deaths=1 ended_with=SIGKILL")
        assert up.child(name).pid != child.pid
    up.says("subscribed", 2)
    assert_ends(up, signal.SIGTERM)


def test_a_start_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.says("started +child=nats-server")
    assert_ends(up, signal.SIGHUP)


def test_the_place_of_the_platform_is_told_to_us_alone(up: Up) -> None:
    platform = up.platform()
    assert platform["pid"] == up.process.pid
    assert platform["database_url"].startswith("postgresql://")
    assert (up.data_dir / PLATFORM).stat().st_mode & 0o777 == 0o600
    for process in psutil.Process(up.process.pid).children():
        shown = " ".join(process.cmdline())
        assert not [url for url in (platform["nats_url"], platform["mqtt_url"]) if url.split("@")[0] in shown]


def refused(folder: Path, *words: str, **environment: str) -> str:
    """What `up` says when it cannot start: one line, exit code 2."""
    command = [sys.executable, "-m", "hazardwatch", "up", "--data-dir", str(folder), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**ENVIRONMENT, **environment}
    )
    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 2, said
    assert "\n" not in said, said
    return said


def test_a_second_platform_on_the_folder_is_refused(up: Up) -> None:
    up.platform()
    assert refused(up.data_dir) == (
        f"hazardwatch: data_dir: {up.data_dir} is in use by another Hazardwatch, pid {up.process.pid}"
    )


@pytest.mark.parametrize("name", ["http_port", "mqtt_port"])
def test_a_taken_port_is_named(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {"http_port": "0", "mqtt_port": "0", name: str(port)}
        words = [word for key, value in ports.items() for word in (f"--{key.replace('_', '-')}", value)]
        said = refused(tmp_path / "data", *words)
    assert said == f"hazardwatch: {name}: 127.0.0.1:{port} cannot be had: Address already in use"


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("nats_url", "nats://u:secret@127.0.0.1:{port}", r"nats_url: 127.0.0.1:{port} does not answer"),
        ("mqtt_url", "mqtt://u:secret@127.0.0.1:{port}", r"mqtt_url: 127.0.0.1:{port} does not answer: "),
        ("database_url", "postgresql://u:secret@127.0.0.1:{port}/d", r"database_url: 127.0.0.1:{port} does not answer"),
        ("mqtt_url", "amqp://127.0.0.1", r"mqtt_url: must be like mqtt://user:password@host:port$"),
    ],
)
def test_a_url_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, name: str, url: str, says: str
) -> None:
    port = free_port()
    words = ["--http-port", "0", "--mqtt-port", "0", f"--{name.replace('_', '-')}", url.format(port=port)]
    said = refused(tmp_path / "data", *words)
    assert re.match(rf"hazardwatch: {says.format(port=port)}", said), said
    assert "secret" not in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused(tmp_path / "file" / "data")
    assert said == f"hazardwatch: data_dir: {tmp_path}/file/data cannot be written: Not a directory"


def test_programs_that_are_none_are_named(tmp_path: Path) -> None:
    said = refused(tmp_path / "data", "--http-port", "0", "--mqtt-port", "0", "--pg-bin", str(tmp_path))
    assert said == f"hazardwatch: pg_bin: {tmp_path} holds no working postgres and initdb"


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("mqtt_prot = 1883\n")
    assert re.match(
        rf"hazardwatch: config: {file}: unknown key 'mqtt_prot'; known are",
        refused(tmp_path / "data", "--config", str(file)),
    )


def test_commands_without_a_platform_say_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hazardwatch", "token", "create", "--name", "a", "--role", "viewer"]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path)], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert (done.returncode, done.stderr.strip()) == (
        2,
        f"hazardwatch: data_dir: no platform runs on {tmp_path}; start one, or name it by data_dir or nats_url",
    )


def test_with_a_certificate_screen_and_broker_speak_tls_only(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=somewhere.else -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    up = Up(tmp_path, "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    up.says("subscribed")
    assert up.platform()["http_address"].startswith("https://")
    host, _, port = up.platform()["mqtt_address"].rpartition(":")
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with (
        socket.create_connection((host, int(port))) as plain,
        context.wrap_socket(plain, server_hostname="somewhere.else") as wrapped,
    ):
        assert wrapped.version() == "TLSv1.3"
    assert up.stop() == 0
