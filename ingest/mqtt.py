"""A broker's messages to arrivals that are confirmed only when asked: the one door to MQTT.

aiomqtt confirms a message when it has received it, before anybody has stored it, and hands messages on through a queue
that can drop. So this file switches on paho's manual acknowledgement and takes messages from paho itself. Both reach
into aiomqtt's private `_client`; the contract test in tests/integration/ingest/test_mqtt.py notices when that changes.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
import paho.mqtt.client as paho
import structlog

from ingest.decode import MAX_BYTES
from ingest.validate import KEPT, Arrival

log = structlog.get_logger()

TOPICS = ("hazard/v1/+/+/readings", "hazard/v1/+/+/status")
KEEPALIVE_S = 10
CONNECT_S = 5.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # between two attempts to connect
# What may wait here before we stop reading the socket, so that the broker waits too: the memory it may cost. Messages
# at QoS 1 wait at the broker anyway, which sends only so many unconfirmed ones; those at QoS 0 have nothing else.
MOST_BYTES, MOST_MESSAGES = 64 << 20, 50_000
# A session that is taken up again: the broker sends at once what it never sent before, and only after its patience (2 s
# for the embedded one) what it sent and nobody confirmed, which is older. So nothing is handed out before that is over.
SETTLING_S = 2.6
PACKETS_AT_ONCE = 200  # read before others on the loop have their turn
CONFIRMED_AT_ONCE = 1000  # messages of ours that the broker may owe a confirmation


class BrokerError(Exception):
    """The broker's address cannot be understood."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are there. `client_id` owns the persistent session: it is a secret of ours."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    pinned: bool = False  # `ca_file` is the server's own certificate: names and issuers in it do not matter

    @classmethod
    def at(cls, url: str, *, client_id: str, ca_file: Path | None = None, pinned: bool = False) -> Broker:
        """`mqtt://user:password@host:port`, or `mqtts://` with TLS; the password is never repeated in an error."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BrokerError(f"the MQTT URL cannot be read: {error}") from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError("the MQTT URL must look like mqtt://user:password@host:port, or mqtts:// with TLS")
        tls = parts.scheme == "mqtts"
        return cls(
            parts.hostname,
            port or (8883 if tls else 1883),
            client_id,
            unquote(parts.username) if parts.username is not None else None,
            unquote(parts.password) if parts.password is not None else None,
            tls,
            ca_file,
            pinned,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """An arrival with what is needed to confirm it: its number in the session of one connection."""

    arrival: Arrival
    mid: int
    qos: int
    connection: int
    again: bool = False  # the broker has sent it before, over this connection or an earlier one


class Subscriber:
    """A persistent session at a broker: `run` keeps it, `take` hands out what arrived, `confirm` sends the PUBACKs."""

    def __init__(self, broker: Broker, now_ms: Callable[[], int]) -> None:
        self._broker, self._now_ms = broker, now_ms
        self._client: aiomqtt.Client | None = None
        self._connection = 0
        self._held: dict[int, Taken] = {}  # not confirmed yet, by their number in the present connection
        self._arrived: deque[Taken] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._paused = False
        self._draining = False
        self._count = 0
        self._read: Callable[[], None] = _nothing
        self._taken_up = False  # the broker had our session from before
        self._settled_at: float | None = None  # on the loop's clock; until then arrivals are held back and put in order
        self.subscribed = False
        self.fault: str | None = "not connected yet"
        self.repeats = 0

    async def run(self) -> None:
        """Connects, subscribes and stays; comes back by itself until `stop`. What is held is redelivered then."""
        pause_s = SHORTEST_PAUSE_S
        while not self._stopped.is_set():
            try:
                async with self._connected() as client:
                    await self._subscribe(client)
                    pause_s = SHORTEST_PAUSE_S
                    await self._until_lost(client)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                self._say(str(error) or repr(error))
            finally:
                self._forget_connection()
            if not self._stopped.is_set():
                await _wait(self._stopped, pause_s * random.uniform(0.5, 1.0))  # noqa: S311  jitter, no secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def stop(self) -> None:
        """Takes no more and lets `run` return; the session stays at the broker. Call `confirm` before."""
        self._stopped.set()
        self._wake.set()

    def stop_taking(self) -> None:
        """Reads nothing more from the broker; what arrived can still be taken and confirmed."""
        self._draining = True
        self._pause()
        self._wake.set()

    async def take(self, most_messages: int, most_bytes: int, timeout_s: float) -> list[Taken]:
        """What has arrived, in order, at least one message if there is any; empty after `timeout_s`."""
        if not await self._is_settled(timeout_s):
            return []
        if not self._arrived:
            self._wake.clear()
            await _wait(self._wake, timeout_s)
        taken: list[Taken] = []
        size = 0
        while self._arrived and len(taken) < most_messages and size < most_bytes:
            one = self._arrived.popleft()
            taken.append(one)
            size += len(one.arrival.payload)
        self._bytes -= size
        if self._paused and self._bytes < MOST_BYTES // 2 and len(self._arrived) < MOST_MESSAGES // 2:
            self._resume()
        return taken

    async def _is_settled(self, timeout_s: float) -> bool:
        """Whether arrivals may be handed out; after a session was taken up again first what was sent before."""
        if self._settled_at is None:
            return True
        left_s = self._settled_at - asyncio.get_running_loop().time()
        if left_s > 0 and not self._is_full():
            await _wait(self._stopped, min(left_s, timeout_s))
            return False
        self._settled_at = None
        self._arrived = deque(sorted(self._arrived, key=lambda one: not one.again))
        return True

    def _is_full(self) -> bool:
        return self._bytes > MOST_BYTES or len(self._arrived) > MOST_MESSAGES

    @property
    def waiting(self) -> int:
        """How many messages have arrived and were not taken yet."""
        return len(self._arrived)

    @property
    def in_flight(self) -> int:
        """How many messages the broker has given to us and not been confirmed yet."""
        return len(self._held)

    def confirm(self, taken: Iterable[Taken]) -> None:
        """PUBACK of each, in order. What came over an earlier connection will be redelivered and absorbed."""
        for one in taken:
            if one.qos and one.connection == self._connection and self._client is not None:
                self._held.pop(one.mid, None)
                self._client._client.ack(one.mid, one.qos)  # noqa: SLF001  aiomqtt has no acknowledgement of its own

    def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 1, without waiting; lost if the connection is lost, for the receiver asks again."""
        if self._client is not None and self.subscribed:
            self._client._client.publish(topic, payload, qos=1)  # noqa: SLF001  aiomqtt's own waits for each PUBACK

    def _connected(self) -> aiomqtt.Client:
        broker = self._broker
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            clean_session=False,
            protocol=aiomqtt.ProtocolVersion.V311,
            keepalive=KEEPALIVE_S,
            timeout=CONNECT_S,
            max_inflight_messages=CONFIRMED_AT_ONCE,
            max_queued_incoming_messages=0,
            tls_context=_tls(broker) if broker.tls else None,
        )
        self._connection += 1
        self._client = client
        inner = client._client  # noqa: SLF001  see the head of this file
        inner.connect_timeout = CONNECT_S
        inner.manual_ack_set(True)
        inner.on_message = self._arrive
        connected = inner.on_connect

        def note(client: paho.Client, userdata: Any, flags: Any, *more: Any) -> None:
            self._taken_up = flags.session_present
            if connected is not None:
                connected(client, userdata, flags, *more)

        inner.on_connect = note
        return client

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        self._settled_at = asyncio.get_running_loop().time() + SETTLING_S if self._taken_up else None
        self._read_fast(client)
        for topic in TOPICS:
            granted = await client.subscribe(topic, qos=1)
            if any(getattr(code, "value", code) != 1 for code in granted):
                raise aiomqtt.MqttError(f"the broker refuses the subscription of {topic} at QoS 1")
        self.subscribed, self.fault = True, None
        log.info("subscribed", broker=f"{self._broker.host}:{self._broker.port}")

    async def _until_lost(self, client: aiomqtt.Client) -> None:
        lost: Future[None] = client._disconnected  # noqa: SLF001  aiomqtt tells of it only to readers of its queue
        stopping = asyncio.ensure_future(self._stopped.wait())
        ends: set[Future[Any]] = {lost, stopping}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                raise aiomqtt.MqttError(f"connection lost: {lost.exception() or 'closed by the broker'}")
        finally:
            stopping.cancel()

    def _read_fast(self, client: aiomqtt.Client) -> None:
        """Reads all packets that are there at each turn, where aiomqtt reads one; and can be paused."""
        inner = client._client  # noqa: SLF001
        sock = inner.socket()
        if sock is None:
            raise aiomqtt.MqttError("the connection was lost at once")

        def read() -> None:
            try:
                for _ in range(PACKETS_AT_ONCE):
                    before = self._count
                    if inner.loop_read() != paho.MQTT_ERR_SUCCESS or inner.socket() is None:
                        return
                    if self._paused or (self._count == before and not _has_more(sock)):
                        return
            except Exception as error:  # whatever paho meets in foreign bytes, the connection is over
                if not client._disconnected.done():  # noqa: SLF001
                    client._disconnected.set_exception(error)  # noqa: SLF001

        self._read = read
        self._resume()

    def _arrive(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._count += 1
        taken = Taken(self._arrival(message), message.mid, message.qos, self._connection, message.dup)
        if message.qos:
            held = self._held.get(message.mid)
            if held is not None and message.dup and held.arrival.payload == taken.arrival.payload:
                self.repeats += 1  # the broker grew impatient; the message is in hand and will be confirmed
                return
            self._held[message.mid] = taken
        self._arrived.append(taken)
        self._bytes += len(taken.arrival.payload)
        self._wake.set()
        if self._is_full():
            self._pause()

    def _arrival(self, message: paho.MQTTMessage) -> Arrival:
        payload, size, at_ms = bytes(message.payload), len(message.payload), self._now_ms()
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode("utf-8", "replace")  # noqa: SLF001  what cannot be shown is still kept
        if size > MAX_BYTES:
            return Arrival(topic, payload[:KEPT], size, at_ms, sha256(payload).hexdigest(), message.retain)
        return Arrival(topic, payload, size, at_ms, "", message.retain)

    def _pause(self) -> None:
        self._paused = True
        if (sock := self._socket()) is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())

    def _resume(self) -> None:
        self._paused = self._draining
        if self._paused:
            return
        if (sock := self._socket()) is not None:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._read)

    def _socket(self) -> Any:
        return self._client._client.socket() if self._client is not None else None  # noqa: SLF001

    def _forget_connection(self) -> None:
        if self._client is not None:
            lost: Future[None] = self._client._disconnected  # noqa: SLF001
            if lost.done() and not lost.cancelled():
                lost.exception()  # it was said already
        self.subscribed = False
        self._client = None
        self._held.clear()

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("broker away", broker=f"{self._broker.host}:{self._broker.port}", error=fault)
        self.fault = fault


def _nothing() -> None:
    """What there is to read before the first connection."""


def _has_more(sock: Any) -> bool:
    """TLS may hold decoded bytes that the loop cannot see."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _tls(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(broker.ca_file) if broker.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.pinned:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
