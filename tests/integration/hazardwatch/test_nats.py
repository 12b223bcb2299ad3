"""The embedded broker's locks, judged by what is delivered, not by what is answered."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import shutil
import socket
import stat
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hazardwatch.servers.nats import CONFIG, NatsServer, accepts, hashed, program
from line.log import Line, Unavailable
from line.streams import Limits
from tests.conftest import free_port

INGEST_ID = "a-client-id-that-nobody-knows"
G1, G2 = "E1.G1", "E2.G1"


class Client:
    """An MQTT client in threads of its own, as a gateway is; `got` fills with (topic, payload)."""

    def __init__(self, port: int, user: str = "", secret: str = "", *, client_id: str = "", will: str = "") -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[Any] = queue.Queue()
        self.lost = False
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not client_id)
        if user:
            self.paho.username_pw_set(user, secret)
        if will:
            self.paho.will_set(will, b"will", qos=1)
        self.paho.on_connect = lambda *words: self.answers.put(words[3])
        self.paho.on_subscribe = lambda *words: self.answers.put(words[3])
        self.paho.on_message = lambda *words: self.got.put((words[2].topic, bytes(words[2].payload)))
        self.paho.on_disconnect = self._disconnected
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()
        self.refused = bool(self.answers.get(timeout=5).is_failure)

    def _disconnected(self, *_: Any) -> None:
        self.lost = True

    def __enter__(self) -> Client:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def subscribe(self, topic: str) -> bool:
        self.paho.subscribe(topic, 1)
        return not self.answers.get(timeout=5)[0].is_failure

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has confirmed, which says nothing about delivery."""
        self.paho.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def next(self, seconds: float = 5) -> tuple[str, bytes]:
        return self.got.get(timeout=seconds)

    def die(self) -> None:
        """Without a goodbye, so that the will is sent."""
        sock = self.paho.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)


class Broker:
    """The server under test with the process that runs it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder / "nats"
        self.server = NatsServer(
            self.folder,
            log=folder / "nats.log",
            port=free_port(),
            password="platform-secret",
            ingest_password="ingest-secret",
            ingest_client_id=INGEST_ID,
            mqtt=f"127.0.0.1:{self.port}",
        )
        self.log = folder / "nats.log"
        self.process: Process | None = None

    async def start(self) -> None:
        self.process = await self.server.start()
        for _ in range(200):
            if await accepts("127.0.0.1", self.port, "ingest", "ingest-secret"):
                return
            await asyncio.sleep(0.02)  # a real server starts in real time
        raise AssertionError(self.log.read_text())

    async def reload(self, gateways: dict[str, str], probe: tuple[str, str]) -> None:
        """New users in force, which `probe` (a user that was not there before) shows."""
        assert self.process is not None
        assert self.server.write({name: hashed(secret) for name, secret in gateways.items()})
        self.server.reload(self.process)
        for _ in range(200):
            if await accepts("127.0.0.1", self.port, *probe):
                return
            await asyncio.sleep(0.02)  # a real server reloads in real time
        raise AssertionError(self.log.read_text())

    async def stop(self) -> None:
        assert self.process is not None
        await self.server.stop(self.process)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A server that lets two gateways of two enterprises in."""
    made = Broker(tmp_path)
    made.server.open()
    made.server.write({G1: hashed("one"), G2: hashed("two")})
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def ingest(broker: Broker) -> Iterator[Client]:
    with Client(broker.port, "ingest", "ingest-secret", client_id=INGEST_ID) as client:
        assert client.subscribe("hazard/v1/+/+/readings")
        assert client.subscribe("hazard/v1/+/+/status")
        yield client


@pytest.fixture
def gateway(broker: Broker) -> Iterator[Client]:
    with Client(broker.port, G1, "one") as client:
        assert not client.refused
        yield client


def test_a_gateway_s_own_topics_work(ingest: Client, gateway: Client) -> None:
    assert gateway.subscribe("hazard/v1/E1/G1/confirmed")
    gateway.publish("hazard/v1/E1/G1/readings", b"1")
    assert ingest.next() == ("hazard/v1/E1/G1/readings", b"1")
    gateway.publish("hazard/v1/E1/G1/status", b"on", retain=True)
    assert ingest.next() == ("hazard/v1/E1/G1/status", b"on")
    ingest.publish("hazard/v1/E1/G1/confirmed", b"kept")
    assert gateway.next() == ("hazard/v1/E1/G1/confirmed", b"kept")


def test_ten_megabytes_arrive_so_that_they_can_be_kept_as_a_reject(ingest: Client, gateway: Client) -> None:
    gateway.publish("hazard/v1/E1/G1/readings", b"x" * 10_000_000)
    assert len(ingest.next(20)[1]) == 10_000_000


FORBIDDEN = [
    "hazard/v1/E2/G1/readings",  # another enterprise
    "hazard/v1/E1/G2/readings",  # another gateway of its own
    "hazard/v1/E1/G1/confirmed",  # what only the platform says
    "hazard/v1/E1/G1/readings/more",
    "hw/input/0/batch",  # our own subjects
    "hw/alarm/0",
    "$JS/API/STREAM/DELETE/INPUT",
    "$JS/API/STREAM/PURGE/INPUT",
    "$KV/credentials/E1/G1",
    "$O/sites/C/x",
    "$SYS/REQ/SERVER/PING",
    "$MQTT/msgs/hazard/v1/E1/G1/readings",
    "$MQTT/sub/x",
]


@pytest.mark.parametrize("topic", FORBIDDEN)
async def test_nothing_is_delivered_of_what_a_gateway_publishes_elsewhere(
    broker: Broker, ingest: Client, gateway: Client, topic: str
) -> None:
    line = await Line.connect(broker.server.url, name="test")
    await line.ensure(Limits(input_bytes=1 << 20, alarm_bytes=1 << 20))
    seen: list[str] = []

    async def see(message: Any) -> None:
        seen.append(message.subject)

    await line._nc.subscribe(topic.replace("/", "."), cb=see)
    before = await line.last_input()

    gateway.publish(topic, b"forged")
    gateway.publish(topic, b"forged", retain=True)
    gateway.publish("hazard/v1/E1/G1/readings", b"after")
    assert ingest.next() == ("hazard/v1/E1/G1/readings", b"after")
    assert ingest.got.empty()
    assert seen == []
    assert await line.last_input() == before  # INPUT is there, and nothing was put on it
    with Client(broker.port, "ingest", "ingest-secret", client_id="later") as later:
        later.subscribe("hazard/v1/+/+/readings")
        gateway.publish("hazard/v1/E1/G1/readings", b"end")
        assert later.next() == ("hazard/v1/E1/G1/readings", b"end")  # so nothing foreign was retained
    await line.close()


SNOOPED = ["#", "+/+/#", "hazard/#", "hazard/v1/+/+/readings", "hazard/v1/E2/G1/confirmed", "hazard/v1/E1/+/confirmed"]
SNOOPED += ["$SYS/#", "$JS/#", "$KV/#", "$MQTT/#", "$MQTT/sub/#", "$MQTT/sub/+", "$share/x/hazard/v1/+/+/readings"]
SNOOPED += ["hw/#", "_INBOX/#"]


@pytest.mark.parametrize("topic", SNOOPED)
async def test_a_gateway_hears_nothing_of_others(broker: Broker, ingest: Client, gateway: Client, topic: str) -> None:
    assert gateway.subscribe("hazard/v1/E1/G1/confirmed")
    gateway.subscribe(topic)
    line = await Line.connect(broker.server.url, name="test")
    await line.ensure(Limits(input_bytes=1 << 20, alarm_bytes=1 << 20))
    await line.put("credentials", "E9.G9", b"hash")
    with Client(broker.port, G2, "two") as other:
        other.subscribe("hazard/v1/E2/G1/confirmed")
        other.publish("hazard/v1/E2/G1/readings", b"secret of another")
        assert ingest.next() == ("hazard/v1/E2/G1/readings", b"secret of another")
        ingest.publish("hazard/v1/E2/G1/confirmed", b"answer to another")
        assert other.next() == ("hazard/v1/E2/G1/confirmed", b"answer to another")
    ingest.publish("hazard/v1/E1/G1/confirmed", b"own")
    heard = [gateway.next()] if not gateway.lost else []
    assert heard in ([("hazard/v1/E1/G1/confirmed", b"own")], [])
    assert gateway.got.empty()
    await line.close()


def test_a_will_on_a_foreign_topic_is_not_delivered_and_on_its_own_status_is(broker: Broker, ingest: Client) -> None:
    for will in ("hazard/v1/E2/G1/readings", "hazard/v1/E2/G1/status", "$JS/API/STREAM/DELETE/INPUT"):
        with Client(broker.port, G1, "one", will=will) as client:
            if not client.refused:
                client.die()
    with Client(broker.port, G1, "one", will="hazard/v1/E1/G1/status") as client:
        client.die()
        assert ingest.next() == ("hazard/v1/E1/G1/status", b"will")
    assert ingest.got.empty()


@pytest.mark.parametrize(
    ("user", "secret"),
    [("", ""), (G1, "wrong"), ("platform", "platform-secret"), ("platform", ""), ("ingest", ""), ("E1.G2", "one")],
    ids=["nobody", "wrong secret", "the platform's own by MQTT", "platform", "ingest without", "another gateway"],
)
async def test_no_way_in_without_a_gateway_s_credential(broker: Broker, user: str, secret: str) -> None:
    with Client(broker.port, user, secret) as client:
        assert client.refused
    assert not await accepts("127.0.0.1", broker.port, user, secret)


@pytest.mark.parametrize(("user", "secret"), [(G1, "one"), ("ingest", "ingest-secret")])
async def test_a_credential_for_mqtt_does_not_open_the_platform_s_own_port(
    broker: Broker, user: str, secret: str
) -> None:
    url = broker.server.url.replace("platform:platform-secret", f"{user}:{secret}")
    with pytest.raises(Unavailable):
        await Line.connect(url, name="test", timeout=1)


async def test_ingest_s_session_cannot_be_had_without_its_secret(broker: Broker, ingest: Client) -> None:
    with Client(broker.port, G1, "one", client_id="a-guess") as thief:
        assert not thief.refused
        assert not thief.subscribe("hazard/v1/+/+/readings")
    assert not ingest.lost


async def test_new_users_come_in_while_others_stay_connected(broker: Broker, ingest: Client, gateway: Client) -> None:
    assert not await accepts("127.0.0.1", broker.port, "E3.G1", "three")
    await broker.reload({G1: "one", G2: "two", "E3.G1": "three"}, ("E3.G1", "three"))
    gateway.publish("hazard/v1/E1/G1/readings", b"still there")
    assert ingest.next() == ("hazard/v1/E1/G1/readings", b"still there")
    # `hashed` salts anew each time, so the gateway's user was written as a new one above; what is unchanged must stay
    users = broker.server.known()
    assert set(users) == {G1, G2, "E3.G1"}
    assert not ingest.lost


async def test_an_unchanged_gateway_is_not_disconnected_by_a_reload(broker: Broker, ingest: Client) -> None:
    assert broker.process is not None
    with Client(broker.port, G1, "one") as gateway, Client(broker.port, G2, "two") as leaving:
        users = broker.server.known()
        assert broker.server.write({G1: users[G1], "E3.G1": hashed("three")})
        broker.server.reload(broker.process)
        end = time.monotonic() + 5
        while not await accepts("127.0.0.1", broker.port, "E3.G1", "three"):
            assert time.monotonic() < end
        while not leaving.lost:  # its credential was withdrawn
            assert time.monotonic() < end
            await asyncio.sleep(0.02)  # a real server disconnects in real time
        gateway.publish("hazard/v1/E1/G1/readings", b"still there")
        assert ingest.next() == ("hazard/v1/E1/G1/readings", b"still there")
        assert not gateway.lost
        assert not ingest.lost
    assert not broker.server.write({G1: users[G1], "E3.G1": broker.server.known()["E3.G1"]})  # nothing to reload


async def test_gateways_are_let_in_only_once_ingest_has_its_session(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.server.write({G1: hashed("one")})
    await broker.start()
    assert not await accepts("127.0.0.1", broker.port, G1, "one")
    with ExitStack() as stack:
        ingest = stack.enter_context(Client(broker.port, "ingest", "ingest-secret", client_id=INGEST_ID))
        assert ingest.subscribe("hazard/v1/+/+/readings")
        broker.server.open()
        await broker.reload({G1: "one"}, (G1, "one"))
        assert not ingest.lost
    await broker.stop()

    again = Broker(tmp_path)  # a later start: the session is there, so the door is open at once
    assert again.server.is_open
    again.server.write(again.server.known())
    await again.start()
    with Client(again.port, G1, "one") as gateway:
        gateway.publish("hazard/v1/E1/G1/readings", b"while ingest is away")
    with Client(again.port, "ingest", "ingest-secret", client_id=INGEST_ID) as ingest:
        assert ingest.next() == ("hazard/v1/E1/G1/readings", b"while ingest is away")
    await again.stop()


async def test_what_was_confirmed_is_delivered_after_a_kill(broker: Broker) -> None:
    with Client(broker.port, "ingest", "ingest-secret", client_id=INGEST_ID) as ingest:
        assert ingest.subscribe("hazard/v1/+/+/readings")
    with Client(broker.port, G1, "one") as gateway:
        for number in range(50):
            gateway.publish("hazard/v1/E1/G1/readings", b"%d" % number)
    assert broker.process is not None
    broker.process.kill()
    await broker.process.wait()
    await broker.start()
    with Client(broker.port, "ingest", "ingest-secret", client_id=INGEST_ID) as ingest:
        assert sorted(int(ingest.next()[1]) for _ in range(50)) == list(range(50))


async def test_every_write_is_synced_and_the_secrets_are_private(broker: Broker) -> None:
    config = broker.folder / CONFIG
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert json.loads(config.read_text())["jetstream"]["sync_interval"] == "always"
    assert "secret" not in config.read_text()  # hashes only
    assert broker.process is not None
    if os.geteuid() == 0:
        assert psutil.Process(broker.process.pid).uids().real != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
async def test_a_program_where_only_root_may_enter_runs_without_root_s_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    (private / "bin").mkdir(parents=True)
    private.chmod(0o700)
    shutil.copy(program(), private / "bin")
    monkeypatch.setattr("hazardwatch.servers.nats.program", lambda: private / "bin" / "nats-server")
    broker = Broker(private)
    broker.server.write({})
    await broker.start()
    assert broker.process is not None
    process = psutil.Process(broker.process.pid)
    assert process.uids().real != 0
    assert process.name() == "nats-server"  # what an administrator sees
    await broker.stop()
