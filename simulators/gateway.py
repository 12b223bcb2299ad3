"""Readings to messages of one gateway: an MQTT client of its own, which keeps everything until it is confirmed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.reading import GOOD, Reading

MOST_IN_FLIGHT = 200
STATUS_S = 20.0  # how often a gateway says that it is there, also when it has nothing to send


@dataclass(frozen=True, slots=True)
class Account:
    """A gateway's place in the topics and its credential."""

    enterprise: str
    gateway: str
    username: str
    password: str


class GatewayClient:
    """Persistent session, QoS 1, client id like the user name; never more than MOST_IN_FLIGHT messages unconfirmed."""

    def __init__(self, account: Account, host: str, port: int) -> None:
        self._readings = f"hazard/v1/{account.enterprise}/{account.gateway}/readings"
        self._status = f"hazard/v1/{account.enterprise}/{account.gateway}/status"
        self._room = threading.BoundedSemaphore(MOST_IN_FLIGHT)
        self._said_at = 0.0
        client_id = account.username.replace(".", "-")  # the embedded broker takes no dot in it
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self._client.username_pw_set(account.username, account.password)
        self._client.will_set(self._status, json.dumps({"online": False}), qos=1, retain=True)
        self._client.reconnect_delay_set(1, 30)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.on_publish = self._confirmed
        self._client.on_connect = self._connected
        self._client.connect_async(host, port, keepalive=15)
        self._client.loop_start()

    def send(self, readings: Iterable[Reading]) -> None:
        """One message with these readings, in their order; waits while too many are unconfirmed."""
        body = payload(readings)
        if body:
            self._room.acquire()
            self._client.publish(self._readings, json.dumps(body), qos=1)

    def live(self) -> None:
        """To be called often: says every STATUS_S that the gateway is there."""
        if time.monotonic() - self._said_at >= STATUS_S:
            self._say(online=True)

    def close(self) -> None:
        self._say(online=False)
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, *, online: bool) -> None:
        self._said_at = time.monotonic()
        body = json.dumps({"online": online, "ts": int(time.time() * 1000)})
        self._client.publish(self._status, body, qos=1, retain=True)

    def _connected(self, *_: object) -> None:
        self._said_at = 0.0

    def _confirmed(self, *_: object) -> None:
        try:
            self._room.release()
        except ValueError:
            return  # the confirmation of a status


def payload(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Readings as the objects of one message: neighbours of one time share one."""
    return [_object(t_ms, list(group)) for t_ms, group in groupby(readings, key=lambda one: one.t_ms)]


def _object(t_ms: int, readings: Sequence[Reading]) -> dict[str, Any]:
    found: dict[str, Any] = {"ts": t_ms, "values": {one.tag: one.value for one in readings}}
    qualities = {one.tag: one.quality for one in readings if one.quality != GOOD}
    return {**found, "quality": qualities} if qualities else found
