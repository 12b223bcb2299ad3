"""The one door to NATS: INPUT and ALARM, buckets, objects, questions and answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

import nats.js.api
import structlog
from nats.aio.client import PING_PROTO, Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError, OutboundBufferLimitError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, KeyValueConfig, ObjectStoreConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import (
    APIError,
    BucketNotFoundError,
    KeyDeletedError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NotFoundError,
    ObjectDeletedError,
    ObjectNotFoundError,
)
from nats.js.kv import KeyValue
from nats.js.object_store import ObjectStore

from line import messages, tail
from line.streams import (
    ALARM,
    ALARM_SUBJECTS,
    BUCKETS,
    INPUT,
    INPUT_SUBJECTS,
    OBJECTS,
    Limits,
    Usage,
    alarm_subject,
    input_subject,
    unlogged_subject,
)

log = structlog.get_logger()
T = TypeVar("T")

WRONG_LAST_SEQUENCE = 10071
FULL = {10023, 10047, 10077, 10122}  # insufficient resources, no storage, maximum bytes, maximum messages
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
INPUT_SEQ = "input_seq"


class LineError(Exception):
    """The durable log did not do what was asked."""


class LineFull(LineError):  # noqa: N818  read as a sentence: except LineFull
    """The stream or its store has no room; nothing was kept."""


class Unavailable(LineError):  # noqa: N818
    """No answer in time; whether it was kept is unknown."""


class Fenced(LineError):  # noqa: N818
    """Another engine has spoken since; this one is no longer the owner."""


class Conflict(LineError):  # noqa: N818
    """The entry was changed by somebody else, or is there already."""


class InputMessage(NamedTuple):
    """One message of INPUT: `kind` says how to decode `payload`; `at_ms` is the stream's own timestamp."""

    seq: int
    at_ms: int
    kind: str
    payload: bytes


class AlarmMessage(NamedTuple):
    """One message of ALARM: all events of the input with that sequence."""

    seq: int
    at_ms: int
    input_seq: int
    payload: bytes


class _Client(Client):
    """A client whose questions can be cancelled: wait_for of Python 3.11, which it uses, loses a cancellation that
    comes together with the answer, and whoever is waiting for the task to end waits for ever."""

    async def request(self, *args: Any, **kwargs: Any) -> Msg:
        asking = asyncio.ensure_future(super().request(*args, **kwargs))
        try:
            await asyncio.wait({asking})
            return asking.result()
        finally:
            asking.cancel()

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """In line behind what was sent before: the library's own writes past the commands that still wait, so that its
        `flush` returned before a subscription had reached the server."""
        self._pongs.append(future if future is not None else asyncio.Future())
        await self._send_command(PING_PROTO)
        await self._flush_pending()


class Line:
    """A connection that comes back by itself; open with `connect`, end with `close`."""

    def __init__(self) -> None:
        self._nc = _Client()
        self._js: JetStreamContext = self._nc.jetstream(timeout=5.0)
        self._lost = asyncio.Event()  # replaced at each reconnection
        self._readers: set[tail.Tail] = set()
        self._buckets: dict[str, KeyValue] = {}
        self._objects: dict[str, ObjectStore] = {}

    @classmethod
    async def connect(cls, url: str, *, name: str, timeout: float = 5.0) -> Line:
        """`url` carries user and password. Raises Unavailable if the server does not answer within `timeout` seconds;
        later it reconnects for ever."""

        line = cls()

        said = ""

        async def say(error: Exception) -> None:
            """Once per reason: while the server is away there are ten attempts a second."""
            nonlocal said
            if (text := str(error) or repr(error)) != said:
                log.info("line", role=name, error=text)
            said = text

        try:
            await asyncio.wait_for(
                line._nc.connect(
                    url,
                    name=name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.1,  # type: ignore[arg-type]  # seconds; annotated int, used as a number
                    connect_timeout=2,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    error_cb=say,
                    disconnected_cb=line._disconnected,
                    reconnected_cb=line._reconnected,
                ),
                timeout,
            )
        except (NatsError, OSError, TimeoutError) as error:
            await line._nc.close()
            raise Unavailable(f"the line does not answer: {error or 'no answer in time'}") from error
        return line

    async def _disconnected(self) -> None:
        self._lost.set()
        for reader in self._readers:
            reader.interrupt()

    async def _reconnected(self) -> None:
        self._lost = asyncio.Event()

    async def close(self) -> None:
        await self._nc.close()

    @property
    def connected(self) -> bool:
        return bool(self._nc.is_connected)

    # Streams

    async def ensure(self, limits: Limits) -> None:
        """Streams, buckets and object stores, made where they are missing; the limits of the streams set anew."""
        try:
            await self._ensure(limits)
        except (NatsError, TimeoutError) as error:
            raise _refused("the line", error) from error

    async def _ensure(self, limits: Limits) -> None:
        await self._stream(
            StreamConfig(
                name=INPUT,
                subjects=[INPUT_SUBJECTS],
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.NEW,
                storage=StorageType.FILE,
                max_bytes=limits.input_bytes,
                duplicate_window=120.0,
                allow_direct=True,
            )
        )
        await self._stream(
            StreamConfig(
                name=ALARM,
                subjects=[ALARM_SUBJECTS],
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.NEW,
                storage=StorageType.FILE,
                max_bytes=limits.alarm_bytes,
                allow_direct=True,
            )
        )
        for bucket, ttl in BUCKETS.items():
            try:
                await self._js.key_value(bucket)
            except (BucketNotFoundError, NotFoundError):
                await self._js.create_key_value(KeyValueConfig(bucket=bucket, history=1, ttl=ttl))
        for store in OBJECTS:
            try:
                await self._js.object_store(store)
            except (BucketNotFoundError, NotFoundError):
                await self._js.create_object_store(store, config=ObjectStoreConfig(bucket=store))

    async def _stream(self, config: StreamConfig) -> None:
        try:
            await self._js.stream_info(str(config.name))
        except NotFoundError:
            await self._js.add_stream(config)
        else:
            await self._js.update_stream(config)

    async def append(self, message: messages.Input, *, timeout: float = 5.0) -> int:
        """Puts a message on INPUT and returns its sequence once it is kept.

        Raises LineFull where there is no room, Unavailable where no answer came in `timeout` seconds.
        """
        subject = input_subject(messages.kind_of(message))
        return await self._publish(subject, messages.encode(message), INPUT, {}, timeout)

    async def shout(self, batch: messages.Batch) -> None:
        """Tells whoever listens now of readings that INPUT has no room for; nothing is kept."""
        try:
            await self._nc.publish(unlogged_subject(), messages.encode(batch))
        except (NatsError, OSError) as error:
            raise Unavailable(f"nobody can be told: {error}") from error

    async def listen(self, hear: Callable[[messages.Batch], Awaitable[None]]) -> None:
        """Calls `hear` with what is shouted from now on, one after the other."""

        async def heard(msg: Msg) -> None:
            batch = messages.decode("batch", msg.data)
            if isinstance(batch, messages.Batch):
                await hear(batch)

        await self._nc.subscribe(unlogged_subject(), cb=heard)
        await self._nc.flush()

    async def emit(self, payload: bytes, *, input_seq: int, expected: int, timeout: float = 5.0) -> int:
        """Puts the events of one input on ALARM, after the message `expected` (0: none yet); returns its sequence.

        Raises Fenced where another message stands there already.
        """
        headers = {EXPECTED: str(expected), INPUT_SEQ: str(input_seq)}
        return await self._publish(alarm_subject(), payload, ALARM, headers, timeout)

    async def _publish(self, subject: str, payload: bytes, stream: str, headers: dict[str, str], timeout: float) -> int:
        try:
            ack = await self._unless_lost(
                self._js.publish(subject, payload, timeout=timeout, stream=stream, headers=headers or None)
            )
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise Fenced(f"ALARM moved on without this engine: {error.description}") from error
            if error.err_code in FULL:
                raise LineFull(f"{stream} is full: {error.description}") from error
            raise Unavailable(f"{stream} refused a message: {error.description}") from error
        except (NatsError, TimeoutError, OSError) as error:
            raise Unavailable(f"{stream} did not answer: {error or 'no answer in time'}") from error
        return ack.seq

    async def _unless_lost(self, answer: Coroutine[Any, Any, T]) -> T:
        """The answer, or Unavailable as soon as the connection is lost: what was under way may be kept or not."""
        if self._lost.is_set():
            answer.close()
            raise Unavailable("the connection is lost")
        asking, losing = asyncio.ensure_future(answer), asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise Unavailable("the connection was lost before the answer")
        finally:
            asking.cancel()
            losing.cancel()

    async def inputs(self, after: int) -> AsyncGenerator[list[InputMessage], None]:
        """Everything on INPUT after a sequence, then the tail. Use with `contextlib.aclosing`."""
        async with aclosing(tail.stored(self._nc, self._js, INPUT, after, self._readers)) as lists:
            async for messages_ in lists:
                yield [InputMessage(m.seq, m.at_ms, m.subject.rpartition(".")[2], m.payload) for m in messages_]

    async def alarms(self, after: int) -> AsyncGenerator[list[AlarmMessage], None]:
        """Everything on ALARM after a sequence, then the tail. Use with `contextlib.aclosing`."""
        async with aclosing(tail.stored(self._nc, self._js, ALARM, after, self._readers)) as lists:
            async for messages_ in lists:
                yield [AlarmMessage(m.seq, m.at_ms, int(m.headers[INPUT_SEQ]), m.payload) for m in messages_]

    async def first_input(self) -> int:
        return (await self._state(INPUT)).first_seq

    async def last_input(self) -> int:
        return (await self._state(INPUT)).last_seq

    async def last_alarm(self) -> AlarmMessage | None:
        """The newest message of ALARM; None while nothing was ever emitted."""
        try:
            found = await self._js.get_last_msg(ALARM, alarm_subject())
        except NotFoundError:
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"ALARM did not answer: {error}") from error
        headers = found.headers or {}
        return AlarmMessage(int(found.seq or 0), 0, int(headers[INPUT_SEQ]), found.data or b"")

    async def last_alarm_seq(self) -> int:
        return (await self._state(ALARM)).last_seq

    async def first_alarm_seq(self) -> int:
        return (await self._state(ALARM)).first_seq

    async def epoch(self) -> str:
        """Changes when ALARM is new and old sequences mean nothing."""
        info = await self._info(ALARM)
        return str(info.created) if info.created else "unknown"

    async def usage(self) -> Usage:
        input_, alarm = await self._info(INPUT), await self._info(ALARM)
        return Usage(
            input_bytes=input_.state.bytes,
            input_max_bytes=input_.config.max_bytes or 0,
            input_messages=input_.state.messages,
            alarm_bytes=alarm.state.bytes,
            alarm_max_bytes=alarm.config.max_bytes or 0,
        )

    async def trim(self, keep_input_from: int, keep_alarm_from: int) -> None:
        """Forgets what lies before; what is at these sequences and after stays. Up to 1, nothing is forgotten."""
        try:
            for stream, keep_from in ((INPUT, keep_input_from), (ALARM, keep_alarm_from)):
                if keep_from > 1:  # the server takes a purge without a sequence for: everything
                    await self._js.purge_stream(stream, seq=keep_from)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"trimming: {error}") from error

    async def _info(self, stream: str) -> nats.js.api.StreamInfo:
        try:
            return await self._js.stream_info(stream)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{stream} did not answer: {error or 'no answer in time'}") from error

    async def _state(self, stream: str) -> nats.js.api.StreamState:
        return (await self._info(stream)).state

    # Buckets

    async def get(self, bucket: str, key: str) -> tuple[bytes, int] | None:
        """The value of a key and its revision, or None."""
        try:
            entry = await (await self._bucket(bucket)).get(key)
        except (KeyNotFoundError, KeyDeletedError):
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket}: {error}") from error
        return entry.value or b"", entry.revision or 0

    async def put(self, bucket: str, key: str, value: bytes) -> int:
        try:
            return await (await self._bucket(bucket)).put(key, value)
        except (NatsError, TimeoutError) as error:
            raise _refused(bucket, error) from error

    async def create(self, bucket: str, key: str, value: bytes) -> int:
        """Conflict where the key is there already."""
        try:
            return await (await self._bucket(bucket)).create(key, value)
        except KeyWrongLastSequenceError as error:
            raise Conflict(f"{bucket}/{key} is there already") from error
        except (NatsError, TimeoutError) as error:
            raise _refused(bucket, error) from error

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> int:
        """Conflict where the key has another revision."""
        try:
            return await (await self._bucket(bucket)).update(key, value, revision)
        except KeyWrongLastSequenceError as error:
            raise Conflict(f"{bucket}/{key} was changed by somebody else") from error
        except (NatsError, TimeoutError) as error:
            raise _refused(bucket, error) from error

    async def delete(self, bucket: str, key: str) -> None:
        try:
            await (await self._bucket(bucket)).delete(key)
        except (NatsError, TimeoutError) as error:
            raise _refused(bucket, error) from error

    async def entries(self, bucket: str) -> dict[str, bytes]:
        """All keys with their values."""
        found: dict[str, bytes] = {}
        try:
            watcher = await (await self._bucket(bucket)).watchall(ignore_deletes=True)
            try:
                async for entry in watcher:
                    if entry is None:
                        break
                    found[entry.key] = entry.value or b""
            finally:
                await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket}: {error}") from error
        return found

    async def watch(self, bucket: str) -> AsyncGenerator[tuple[str, bytes | None], None]:
        """What is there, then every change; a deletion is None. Starts again by itself, so an entry may come twice."""
        backlog = f"KV_{bucket}"
        async with aclosing(tail.stored(self._nc, self._js, backlog, 0, self._readers)) as lists:
            prefix = f"$KV.{bucket}."
            async for messages_ in lists:
                for message in messages_:
                    gone = message.headers.get("KV-Operation") in {"DEL", "PURGE"}
                    yield message.subject.removeprefix(prefix), None if gone else message.payload

    async def _bucket(self, name: str) -> KeyValue:
        if name not in self._buckets:
            self._buckets[name] = await self._js.key_value(name)
        return self._buckets[name]

    # Objects

    async def put_object(self, store: str, name: str, data: bytes | io.BufferedRandom) -> None:
        try:
            await (await self._store(store)).put(name, data)
        except (NatsError, TimeoutError) as error:
            raise _refused(store, error) from error

    async def get_object(self, store: str, name: str) -> bytes | None:
        try:
            found = await (await self._store(store)).get(name)
        except (ObjectNotFoundError, ObjectDeletedError):
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"object store {store}: {error}") from error
        return found.data

    async def delete_object(self, store: str, name: str) -> None:
        try:
            await (await self._store(store)).delete(name)
        except (ObjectNotFoundError, ObjectDeletedError):
            return
        except (NatsError, TimeoutError) as error:
            raise _refused(store, error) from error

    async def _store(self, name: str) -> ObjectStore:
        if name not in self._objects:
            self._objects[name] = await self._js.object_store(name)
        return self._objects[name]

    # Questions that need no keeping

    async def ask(self, subject: str, payload: bytes = b"", timeout: float = 2.0) -> bytes:
        try:
            return (await self._nc.request(subject, payload, timeout=timeout)).data
        except (NatsError, TimeoutError, OSError) as error:
            raise Unavailable(f"nobody answers on {subject}") from error

    async def answer(self, subject: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        async def reply(msg: Msg) -> None:
            await msg.respond(await handler(msg.data))

        await self._nc.subscribe(subject, cb=reply)
        await self._nc.flush()


def _refused(where: str, error: Exception) -> LineError:
    if isinstance(error, APIError) and error.err_code in FULL:
        return LineFull(f"{where} is full: {error.description}")
    if isinstance(error, (NoRespondersError, ConnectionClosedError, OutboundBufferLimitError)):
        return Unavailable(f"{where} does not answer")
    return Unavailable(f"{where}: {error or 'no answer in time'}")
