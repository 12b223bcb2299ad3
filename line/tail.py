"""A stream from one sequence on: everything stored after it, then the tail, in order and without a gap."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import NamedTuple

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

log = structlog.get_logger()

# Messages asked for ahead of the reader: the memory it may cost is this many messages of at most 1 MiB each.
AHEAD = 256
PULL_EXPIRES_S = 30.0
HEARTBEAT_S = 1.0
SILENCE_S = 3.5  # without message or heartbeat the consumer is taken for dead and made anew
RETRY_S = 0.2
NANOS = 1_000_000_000


class Stored(NamedTuple):
    """One stored message: its sequence, the stream's own timestamp in Unix milliseconds, subject, headers, payload."""

    seq: int
    at_ms: int
    subject: str
    headers: dict[str, str]
    payload: bytes


class _LostPlaceError(Exception):
    """The consumer is gone, silent or skipped a message; a new one starts after the last message handed on."""


async def stored(
    nc: Client, js: JetStreamContext, stream: str, after: int, readers: set[Tail]
) -> AsyncGenerator[list[Stored], None]:
    """Lists of messages in order; a list grows only while the reader is busy. Survives restarts of the server.

    `readers` is whom the connection's owner interrupts when the connection is lost.
    """
    position = after
    while True:
        tail = Tail(nc, js, stream, position)
        readers.add(tail)
        try:
            await tail.open()
            while True:
                messages = await tail.next()
                if messages:
                    position = messages[-1].seq
                    yield messages
        except (_LostPlaceError, NatsError, TimeoutError, OSError) as error:
            log.info("reading a stream again", stream=stream, after=position, because=str(error) or repr(error))
            await asyncio.sleep(RETRY_S)
        finally:
            readers.discard(tail)
            await tail.close()


class Tail:
    """One ephemeral consumer with its inbox; pulls are sent before the last one is used up."""

    def __init__(self, nc: Client, js: JetStreamContext, stream: str, after: int) -> None:
        self._nc, self._js, self._stream, self._after = nc, js, stream, after
        self._arrived: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._asked = 0
        self._interrupted = False
        self._consumer_seq = 0
        self._name = ""
        self._inbox = ""
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30.0,
            mem_storage=True,
            num_replicas=1,
        )
        info = await self._js.add_consumer(self._stream, config=config)
        self._name = info.name
        self._inbox = self._nc.new_inbox()
        self._subscription = await self._nc.subscribe(self._inbox, cb=self._arrive, pending_bytes_limit=1 << 30)
        await self._pull()

    async def close(self) -> None:
        if self._subscription is not None:
            with suppress(NatsError):
                await self._subscription.unsubscribe()
        if self._name and self._nc.is_connected:
            with suppress(NatsError, TimeoutError):
                await self._nc.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")

    def interrupt(self) -> None:
        """The connection is lost, and with it the consumer."""
        self._interrupted = True
        self._wake.set()

    async def next(self) -> list[Stored]:
        if not self._arrived:
            self._wake.clear()
            try:
                async with asyncio.timeout(SILENCE_S):  # wait_for of Python 3.11 may lose a cancellation
                    await self._wake.wait()
            except TimeoutError:
                raise _LostPlaceError("no sign of the server") from None
        if self._interrupted:
            raise _LostPlaceError("the connection was lost")
        messages: list[Stored] = []
        while self._arrived:
            msg = self._arrived.popleft()
            if msg.reply.startswith("$JS.ACK."):
                messages.append(self._stored(msg))
            else:
                self._status(msg)
        self._asked -= len(messages)
        if self._asked <= AHEAD // 2:
            await self._pull()
        return messages

    async def _arrive(self, msg: Msg) -> None:
        self._arrived.append(msg)
        self._wake.set()

    async def _pull(self) -> None:
        count = AHEAD - max(self._asked, 0)
        request = {
            "batch": count,
            "expires": int(PULL_EXPIRES_S * NANOS),
            "idle_heartbeat": int(HEARTBEAT_S * NANOS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._nc.publish(subject, json.dumps(request).encode(), reply=self._inbox)
        self._asked = max(self._asked, 0) + count

    def _status(self, msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get("Status", "")
        if status == "100":
            return
        if status == "408":  # the pull expired; what it did not deliver is asked for again
            self._asked -= int(headers.get("Nats-Pending-Messages", "0"))
            return
        raise _LostPlaceError(f"{status} {headers.get('Description', '')}")

    def _stored(self, msg: Msg) -> Stored:
        # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>, counted from the end
        # because a domain may stand in front.
        tokens = msg.reply.split(".")
        seq, consumer_seq, nanos = int(tokens[-4]), int(tokens[-3]), int(tokens[-2])
        if consumer_seq != self._consumer_seq + 1:
            raise _LostPlaceError(f"message {consumer_seq} after {self._consumer_seq}")
        self._consumer_seq = consumer_seq
        return Stored(seq, nanos // 1_000_000, msg.subject, msg.headers or {}, msg.data)
