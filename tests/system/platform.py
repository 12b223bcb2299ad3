"""The whole platform as a person starts it: real processes, which can be killed one by one, and what is around it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import paho.mqtt.client as paho
import psutil
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import free_port

SITE = Path(__file__).parent / "site"
ROLES = ("ingest", "engine", "historian", "api", "notifier")
SERVERS = ("nats-server", "postgres")
PASSWORD = "correct horse battery"


def until(what: Callable[[], Any], seconds: float, saying: str) -> Any:
    """Asks again until the answer is true; real processes need real time."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s: {saying}"
        time.sleep(0.05)


@dataclass
class Platform:
    """`hazardwatch up` on a folder and ports of its own."""

    folder: Path
    http_port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def start(self, command: str = "up") -> None:
        words = [sys.executable, "-m", "hazardwatch", command, "--data-dir", str(self.data_dir)]
        words += ["--http-port", str(self.http_port), "--mqtt-port", str(self.mqtt_port)]
        environment = {**os.environ, "HAZARDWATCH_PUBLIC_URL": self.url, **self.environment}
        with (self.folder / "up.log").open("ab") as output:
            self.process = subprocess.Popen(words, stdout=output, stderr=output, env=environment)

    def log(self) -> str:
        return (self.folder / "up.log").read_text(errors="replace")

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the platform ended:\n{self.log()[-4000:]}"
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx2.HTTPError:
            return False

    def wait_until_ready(self, seconds: float = 40) -> None:
        until(self.ready, seconds, f"ready\n{self.log()[-6000:] if (self.folder / 'up.log').exists() else ''}")

    def stop(self) -> None:
        """Ends it as Ctrl-C does, and makes sure that nothing stays behind."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        finally:
            left = [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
            for child in [*left, *([] if self.process.poll() is not None else [psutil.Process(self.process.pid)])]:
                child.kill()
        assert not left, f"left running: {left}"

    def child(self, name: str) -> psutil.Process | None:
        """The process of a role or server that runs now."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            if name in SERVERS and words and Path(words[0]).name.startswith(name):
                return child
            if name in ROLES and name in words[:5] and child.status() != psutil.STATUS_ZOMBIE:
                return child
        return None

    def kill(self, name: str) -> int:
        """kill -9; returns the pid that is gone."""
        child = until(lambda: self.child(name), 10, f"{name} runs")
        child.kill()
        return int(child.pid)

    def cli(self, *words: str, stdin: str | None = None) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "hazardwatch", *words, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def set_up(self, site: Path = SITE) -> None:
        """The test site, an operator and an administrator's token."""
        self.cli("site", "import", str(site))
        self.token = self.cli("token", "create", "--name", "test", "--role", "admin").split()[-1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self.cli("user", "add", "op", "--role", "operator", "--password-file", str(secret))

    def credential(self, enterprise: str, gateway: str) -> tuple[str, str]:
        name, password = self.cli("gateway", "credential", enterprise, gateway).splitlines()[-1].split()
        return name, password

    def http(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx2.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=10, **more)

    def get(self, path: str) -> Any:
        answer = self.http("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def database_url(self) -> str:
        return str(json.loads((self.data_dir / "run" / "platform.json").read_text())["database_url"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says; an empty list while it is away."""
        try:
            with psycopg.connect(self.database_url(), connect_timeout=3) as connection:
                return connection.execute(query.encode()).fetchall()
        except psycopg.Error:
            return []

    def live(self) -> Any:
        """A WebSocket connection with the administrator's token."""
        return connect(
            f"ws://127.0.0.1:{self.http_port}/api/v1/live",
            additional_headers={"Authorization": f"Bearer {self.token}"},
            max_size=None,
        )


class GatewayClient:
    """A gateway as others build them: paho, QoS 1, a ledger of what was confirmed."""

    def __init__(self, platform: Platform, enterprise: str, gateway: str, credential: tuple[str, str]) -> None:
        self.topic = f"hazard/v1/{enterprise}/{gateway}/readings"
        self.confirmed: dict[int, float] = {}
        self._lock = threading.Lock()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{enterprise}-{gateway}", clean_session=False
        )
        self.client.username_pw_set(*credential)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(500)
        self.client.on_publish = self._confirm
        self._connected = threading.Event()
        self.client.on_connect = lambda *_: self._connected.set()
        self._port = platform.mqtt_port

    def __enter__(self) -> GatewayClient:
        self.client.connect_async("127.0.0.1", self._port)
        self.client.loop_start()
        assert self._connected.wait(20), "the gateway does not get in"
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _confirm(self, _client: object, _data: object, mid: int, *_: object) -> None:
        with self._lock:
            self.confirmed[mid] = time.monotonic()

    def publish(self, payload: object) -> int:
        """Returns the message's number; `confirmed` has it once the PUBACK came."""
        body = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        return int(self.client.publish(self.topic, body, qos=1).mid)

    def wait_for(self, mid: int, seconds: float = 15) -> None:
        until(lambda: mid in self.confirmed, seconds, "PUBACK")


class Sink:
    """A provider's end: keeps every call it gets."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.append({"at": time.monotonic(), **json.loads(body)})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


async def frames(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
    """The first frame that is wanted."""
    async with asyncio.timeout(seconds):
        async for text in socket:
            frame: dict[str, Any] = json.loads(text)
            if wanted(frame):
                return frame
    raise AssertionError("the connection closed first")


def site_with_contact(folder: Path, port: int) -> Path:
    """The test site with one contact, whose telephone is the sink on that port."""
    site = folder / "site"
    shutil.copytree(SITE, site)
    (site / "contacts.csv").write_text(
        f"name,channel,min_priority,escalate_after_s\nNight shift,json://127.0.0.1:{port}/hook,4,0\n"
    )
    return site
