"""Readings to messages of one gateway: an MQTT client of its own, which keeps everything until it is confirmed."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.reading import GOOD, Reading

MOST_IN_FLIGHT = 200
MOST_KEPT = 3600  # messages beside those in flight: an hour of one a second, some MB; then the oldest go, counted
MOST_BYTES = 256 << 10  # of one message; the contract allows 1 MiB
STATUS_S = 20.0  # how often a gateway says that it is there, also when it has nothing to send


@dataclass(frozen=True, slots=True)
class Account:
    """A gateway's place in the topics and its credential."""

    enterprise: str
    gateway: str
    username: str
    password: str

    @property
    def client_id(self) -> str:
        return self.username.replace(".", "-")  # the embedded broker takes no dot in it

    def topic(self, kind: str) -> str:
        return f"hazard/v1/{self.enterprise}/{self.gateway}/{kind}"


class GatewayClient:
    """Persistent session, QoS 1, client id like the user name. Sending never waits: what finds no room is kept."""

    def __init__(self, account: Account, host: str, port: int) -> None:
        self.account = account
        self.lost = 0
        self._kept: deque[str] = deque()
        self._sending = threading.Lock()  # never taken in a callback, where paho holds locks of its own
        self._published = self._confirmed = 0
        self._said_at = 0.0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=account.client_id, clean_session=False)
        self._client.username_pw_set(account.username, account.password)
        self._client.will_set(account.topic("status"), json.dumps({"online": False}), qos=1, retain=True)
        self._client.reconnect_delay_set(1, 30)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.on_publish = self._on_confirmed
        self._client.on_connect = self._on_connected
        self._client.connect_async(host, port, keepalive=15)
        self._client.loop_start()

    @property
    def unconfirmed(self) -> int:
        """Messages that the broker does not have yet, as far as we know."""
        return len(self._kept) + self._published - self._confirmed

    @property
    def is_behind(self) -> bool:
        return self.unconfirmed >= MOST_IN_FLIGHT

    def send(self, readings: Iterable[Reading]) -> None:
        """These readings in their order, in as many messages as they need."""
        with self._sending:
            self._kept.extend(messages(readings))
            while len(self._kept) > MOST_KEPT:
                self._kept.popleft()
                self.lost += 1
            self._publish_kept()

    def live(self) -> None:
        """To be called often: sends what was kept, and says every STATUS_S that the gateway is there."""
        with self._sending:
            self._publish_kept()
            if time.monotonic() - self._said_at >= STATUS_S:
                self._say(online=True)

    def close(self, patience_s: float = 2.0) -> None:
        """Gives what is in hand so long to be confirmed, says goodbye and leaves."""
        with self._sending:
            self._say(online=False)
        end = time.monotonic() + patience_s
        while self.unconfirmed and self._client.is_connected() and time.monotonic() < end:
            with self._sending:
                self._publish_kept()
            time.sleep(0.02)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish_kept(self) -> None:
        while self._kept and self._published - self._confirmed < MOST_IN_FLIGHT:
            self._published += 1
            self._client.publish(self.account.topic("readings"), self._kept.popleft(), qos=1)

    def _say(self, *, online: bool) -> None:
        if self._published - self._confirmed >= MOST_IN_FLIGHT:
            return
        self._said_at = time.monotonic()
        self._published += 1
        body = json.dumps({"online": online, "ts": int(time.time() * 1000)})
        self._client.publish(self.account.topic("status"), body, qos=1, retain=True)

    def _on_connected(self, *_: object) -> None:
        self._said_at = 0.0

    def _on_confirmed(self, *_: object) -> None:
        self._confirmed += 1  # by paho's own thread alone


def messages(readings: Iterable[Reading], most_bytes: int = MOST_BYTES) -> Iterator[str]:
    """Readings as the payloads of messages, none of them (but for a single object) over `most_bytes`."""
    objects: list[str] = []
    size = 2
    for found in payload(readings):
        text = json.dumps(found)
        if objects and size + len(text) + 2 > most_bytes:
            yield f"[{', '.join(objects)}]"
            objects, size = [], 2
        objects.append(text)
        size += len(text) + 2
    if objects:
        yield f"[{', '.join(objects)}]"


def payload(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Readings as the objects of one message: neighbours of one time share one, unless a tag comes twice."""
    return [
        _object(t_ms, part)
        for t_ms, group in groupby(readings, key=lambda one: one.t_ms)
        for part in _without_repeats(group)
    ]


def _without_repeats(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Cut where a tag would come a second time: an object holds each tag once."""
    part: list[Reading] = []
    seen: set[str] = set()
    for one in readings:
        if one.tag in seen:
            yield part
            part, seen = [], set()
        part.append(one)
        seen.add(one.tag)
    yield part


def _object(t_ms: int, readings: Sequence[Reading]) -> dict[str, Any]:
    found: dict[str, Any] = {"ts": t_ms, "values": {one.tag: one.value for one in readings}}
    qualities = {one.tag: one.quality for one in readings if one.quality != GOOD}
    return {**found, "quality": qualities} if qualities else found
