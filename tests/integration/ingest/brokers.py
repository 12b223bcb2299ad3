"""MQTT brokers of the tests' own: the embedded one beside a line, and Debian's mosquitto where it is installed."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt import Broker
from tests.conftest import NatsServer, free_port, wait_until_open

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class NatsBroker(NatsServer):
    """A nats-server whose MQTT listener redelivers as the platform's own does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.mqtt_port = free_port()
        mqtt = f'mqtt {{ listen: "127.0.0.1:{self.mqtt_port}", ack_wait: 2s, max_ack_pending: 16000 }}\n'
        self.config.write_text(self.config.read_text() + mqtt)

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://platform:{self.password}@127.0.0.1:{self.mqtt_port}"

    def start(self) -> None:
        super().start()
        assert self.process is not None
        wait_until_open(self.mqtt_port, self.process)


class Mosquitto:
    """Debian's broker, set to keep what it confirms while it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mqtt_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            f"persistence false\nmessage_size_limit 0\nuser {getpass.getuser()}\n"
        )

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.mqtt_port}"

    def start(self) -> None:
        assert MOSQUITTO is not None
        with (self.folder / "mosquitto.log").open("ab") as output:
            self.process = subprocess.Popen([MOSQUITTO, "-c", self.config], stdout=output, stderr=output)
        wait_until_open(self.mqtt_port, self.process)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


class GatewayClient:
    """A gateway as others build them; keeps what was confirmed, by the broker and by the platform."""

    def __init__(self, url: str, name: str) -> None:
        address = Broker.at(url, client_id=name)
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        if address.username is not None:
            self.client.username_pw_set(address.username, address.password)
        self.client.max_inflight_messages_set(500)
        self.client.on_message = self._hear
        self._connected = threading.Event()
        self.client.on_connect = lambda *_: self._connected.set()
        self._heard = threading.Condition()
        self.confirmed: list[tuple[str, dict[str, Any]]] = []
        self._port = address.port

    def __enter__(self) -> GatewayClient:
        self.client.connect_async("127.0.0.1", self._port)
        self.client.loop_start()
        assert self._connected.wait(10), "the gateway does not get in"
        self.client.subscribe("hazard/v1/+/+/confirmed", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def publish(
        self, payload: object, *, topic: str = "hazard/v1/E1/GW1/readings", qos: int = 1, retain: bool = False
    ) -> None:
        """Returns when the broker has confirmed."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(topic, body, qos, retain).wait_for_publish(10)

    def wait_until_confirmed(
        self, wanted: Callable[[list[tuple[str, dict[str, Any]]]], bool], seconds: float = 10
    ) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: wanted(self.confirmed), seconds), self.confirmed

    def _hear(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        with self._heard:
            self.confirmed.append((message.topic, json.loads(message.payload)))
            self._heard.notify_all()
