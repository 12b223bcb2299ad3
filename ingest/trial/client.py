"""One MQTT client of a trial: what it sends is counted when confirmed, what it is given when it arrives.

It stands beside ingest/mqtt.py because it is the opposite of it: it plays gateways, strangers and a subscriber that
goes away without a word, and wants to see each packet rather than to keep a session alive.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt import Broker, _tls

CONNECT_S = 10.0
IN_FLIGHT = 500  # messages of ours that the broker may owe a confirmation


class TrialError(Exception):
    """The broker cannot be tried: it does not answer, or refuses the credential."""


class Client:
    """Connected inside `with`; leaves with a DISCONNECT, or `dies` without."""

    def __init__(self, broker: Broker, client_id: str, *, clean: bool = True, acks: bool = True) -> None:
        self._broker = broker
        self._paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            reconnect_on_failure=False,
            manual_ack=not acks,
        )
        if broker.username is not None:
            self._paho.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._paho.tls_set_context(_tls(broker))
        self._paho.max_inflight_messages_set(IN_FLIGHT)
        self._paho.on_connect = self._connected
        self._paho.on_disconnect = self._disconnected
        self._paho.on_message = self._arrived
        self._paho.on_publish = self._confirmed
        self._paho.on_subscribe = self._subscribed
        self._changed = threading.Condition()
        self._answer: str | None = None  # to CONNECT; empty: let in
        self._granted: int | None = None
        self.is_connected = False
        self.had_session = False  # the broker knew this client id
        self.arrived: list[bytes] = []
        self.retained: list[bytes] = []
        self.confirmed = 0

    def will(self, topic: str, payload: bytes) -> None:
        """To be called before it connects."""
        self._paho.will_set(topic, payload, 1)

    def __enter__(self) -> Self:
        where = f"{self._broker.host}:{self._broker.port}"
        try:
            self._paho.connect(self._broker.host, self._broker.port, keepalive=30)
        except OSError as error:
            raise TrialError(f"{where} does not answer: {error}") from error
        self._paho.loop_start()
        if not self._wait(lambda: self._answer is not None, CONNECT_S):
            self._end()
            raise TrialError(f"{where} takes the connection and says nothing")
        if self._answer:
            self._end()
            raise TrialError(f"{where} refuses the credential of {self._broker.username or 'nobody'}: {self._answer}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._paho.disconnect()
        self._end()

    def die(self) -> None:
        """Goes without a word, as a gateway whose power is cut."""
        sock: Any = self._paho.socket()
        if sock is not None:
            with suppress(OSError):  # it is gone already
                sock.shutdown(socket.SHUT_RDWR)  # which wakes whoever reads it, as close does not

    def subscribe(self, topic: str) -> bool:
        """Whether the broker says that it grants it at QoS 1; what it delivers is another matter."""
        with self._changed:
            self._granted = None
        self._paho.subscribe(topic, 1)
        return self._wait(lambda: self._granted is not None, CONNECT_S) and self._granted == 1

    def publish(self, topic: str, payloads: Iterable[bytes], *, seconds: float, retain: bool = False) -> int:
        """How many of them the broker has confirmed in that time."""
        before, count = self.confirmed, 0
        for payload in payloads:
            self._paho.publish(topic, payload, 1, retain)
            count += 1
        self._wait(lambda: self.confirmed >= before + count or not self.is_connected, seconds)
        return self.confirmed - before

    def wait_for(self, count: int, *, quiet_s: float, seconds: float) -> int:
        """How many messages have arrived when `count` have, or when nothing has come for `quiet_s`."""
        end_rounds = max(int(seconds / quiet_s), 1)
        for _ in range(end_rounds):
            before = len(self.arrived)
            if self._wait(lambda: len(self.arrived) >= count, quiet_s) or len(self.arrived) == before:
                break
        return len(self.arrived)

    def wait_until_gone(self, seconds: float) -> bool:
        """Whether the broker ends the connection in that time."""
        return self._wait(lambda: not self.is_connected, seconds)

    def _wait(self, what: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(what, seconds)

    def _end(self) -> None:
        self._paho.loop_stop()

    def _connected(self, _client: object, _data: object, flags: Any, reason: Any, _properties: object) -> None:
        with self._changed:
            self._answer = str(reason) if reason.is_failure else ""
            self.is_connected = not reason.is_failure
            self.had_session = flags.session_present
            self._changed.notify_all()

    def _disconnected(self, *_: object) -> None:
        with self._changed:
            self.is_connected = False
            if self._answer is None:
                self._answer = "the connection was closed"
            self._changed.notify_all()

    def _arrived(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            (self.retained if message.retain else self.arrived).append(bytes(message.payload))
            self._changed.notify_all()

    def _confirmed(self, *_: object) -> None:
        with self._changed:
            self.confirmed += 1
            self._changed.notify_all()

    def _subscribed(self, _client: object, _data: object, _mid: int, codes: list[Any], _properties: object) -> None:
        with self._changed:
            self._granted = codes[0].value
            self._changed.notify_all()
