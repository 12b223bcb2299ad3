"""A rate to confirmed readings and a ledger of them: what a test can hold the platform to, whatever was killed."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from simulators.gateway import Account
from simulators.ordinary import base_of
from simulators.tags import Tag

MOST_IN_FLIGHT = 1000  # messages of one gateway
LEDGER_S = 0.1  # how often the ledger is written and synced
AHEAD_MS = 2_000  # how far times may run ahead of the clock: a tag cannot have two readings at one time
BACKFILL_MS = 3_600_000  # as fast as possible begins so far in the past
HEADER = "enterprise,gateway,tag,ts,value,t_sent,t_acked\n"


class LoadError(Exception):
    """Such a load cannot be made with these tags."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`rate` in readings a second over all gateways; None: as fast as confirmations come."""

    rate: float | None
    per_message: int
    seconds: float
    patience_s: float = 30.0


class Row(NamedTuple):
    """One reading of a message."""

    tag: str
    ts: int
    value: float


class Message(NamedTuple):
    """What was sent and when; times in Unix milliseconds."""

    account: Account
    rows: list[Row]
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    messages: int
    confirmed: int
    readings: int
    took_s: float
    puback_p50_ms: float
    puback_p99_ms: float

    def text(self) -> str:
        names = self.__slots__
        found = {name: getattr(self, name) for name in names}
        return json.dumps({**found, "took_s": round(self.took_s, 3), "readings_s": round(self.readings / self.took_s)})


class Readings:
    """Messages of one gateway: its tags in turn, each with a time of its own, values inside the limits, none twice."""

    def __init__(self, tags: list[Tag], per_message: int, first_ms: int) -> None:
        if not tags:
            raise LoadError("a gateway has no tags")
        self._bases = [(tag.tag, *base_of(tag)) for tag in tags]
        self._per_message = min(per_message, len(tags))
        self._last_ms = first_ms - 1
        self._place = self._number = 0

    def next(self, now_ms: int) -> list[Row]:
        """The next message; its time is now, or one past the last time its tags had."""
        if self._place == 0 or now_ms > self._last_ms:
            self._last_ms = max(now_ms, self._last_ms + 1)
        if self._last_ms - now_ms > AHEAD_MS:
            raise LoadError("too few tags for this rate: their times would run ahead of the clock")
        rows = [
            self._row(place) for place in range(self._place, min(self._place + self._per_message, len(self._bases)))
        ]
        self._place = (self._place + len(rows)) % len(self._bases)
        return rows

    def _row(self, place: int) -> Row:
        tag, base, room = self._bases[place]
        self._number += 1
        return Row(tag, self._last_ms, round(base + room * 0.2 * (self._number % 9_973 / 9_973 - 0.5), 9))


class Ledger:
    """Confirmed messages to lines of a file; a line is there only after its PUBACK, and synced within LEDGER_S."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._file.write(HEADER)
        self.delays_ms: list[int] = []

    def write(self, confirmed: list[tuple[Message, int]]) -> None:
        for message, acked_ms in confirmed:
            self.delays_ms.append(acked_ms - message.sent_ms)
            where = f"{message.account.enterprise},{message.account.gateway}"
            self._file.writelines(
                f"{where},{row.tag},{row.ts},{row.value!r},{message.sent_ms},{acked_ms}\n" for row in message.rows
            )
        self._file.flush()
        os.fsync(self._file.fileno())


class Sender:
    """One gateway's client: at most MOST_IN_FLIGHT messages unconfirmed, each remembered until then."""

    def __init__(self, account: Account, host: str, port: int) -> None:
        self._account = account
        self._topic = account.topic("readings")
        self._room = threading.BoundedSemaphore(MOST_IN_FLIGHT)
        self._sent: dict[int, Message] = {}
        self._acked: deque[tuple[int, int]] = deque()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"load-{account.client_id}", clean_session=False
        )
        self._client.username_pw_set(account.username, account.password)
        self._client.reconnect_delay_set(1, 5)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.on_publish = self._on_confirmed
        self._client.connect_async(host, port, keepalive=15)
        self._client.loop_start()

    def send(self, rows: list[Row], *, within_s: float) -> bool:
        """False where no room came within that time."""
        if not self._room.acquire(timeout=max(0.0, within_s)):
            return False
        values = {row.tag: row.value for row in rows}
        message = Message(self._account, rows, _now_ms())
        info = self._client.publish(self._topic, json.dumps({"ts": rows[0].ts, "values": values}), qos=1)
        self._sent[info.mid] = message
        return True

    def confirmed(self) -> list[tuple[Message, int]]:
        """Messages confirmed since the last call, with the time of it."""
        found: list[tuple[Message, int]] = []
        for _ in range(len(self._acked)):
            mid, at_ms = self._acked.popleft()
            message = self._sent.pop(mid, None)
            if message is None:  # confirmed before `send` could note it: next time
                self._acked.append((mid, at_ms))
            else:
                found.append((message, at_ms))
        return found

    @property
    def is_done(self) -> bool:
        return not self._sent

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_confirmed(self, _client: object, _data: object, mid: int, *_: object) -> None:
        self._acked.append((mid, _now_ms()))
        self._room.release()


def run(
    accounts: list[Account], tags: list[Tag], host: str, port: int, wanted: Wanted, out: Path, stop: threading.Event
) -> Result:
    """Sends for so long, waits for the last confirmations, and says what came of it."""
    past_ms = 0 if wanted.rate else BACKFILL_MS
    own = {
        one: [tag for tag in tags if (tag.enterprise, tag.gateway) == (one.enterprise, one.gateway)] for one in accounts
    }
    sources = {one: Readings(own[one], wanted.per_message, _now_ms() - past_ms) for one in accounts if own[one]}
    if not sources:
        raise LoadError("none of the gateways has tags in this site")
    senders = {one: Sender(one, host, port) for one in sources}
    written = threading.Event()
    with out.open("w", encoding="utf-8") as file:
        ledger = Ledger(file)
        writer = threading.Thread(target=_keep, args=(ledger, list(senders.values()), written), name="ledger")
        writer.start()
        begun = time.monotonic()
        try:
            messages = _send(sources, senders, wanted, past_ms, stop)
            end = time.monotonic() + wanted.patience_s
            while not all(sender.is_done for sender in senders.values()) and time.monotonic() < end:
                if stop.wait(0.02):
                    break
            took_s = time.monotonic() - begun
        finally:
            written.set()
            writer.join()
            for sender in senders.values():
                sender.close()
    delays = np.array(ledger.delays_ms or [0])
    with out.open(encoding="utf-8") as file:
        rows = sum(1 for _ in file) - 1
    p50, p99 = np.percentile(delays, [50, 99])
    return Result(messages, len(ledger.delays_ms), rows, took_s, float(p50), float(p99))


def _send(
    sources: dict[Account, Readings],
    senders: dict[Account, Sender],
    wanted: Wanted,
    past_ms: int,
    stop: threading.Event,
) -> int:
    begun = time.monotonic()
    readings = messages = 0
    for account in _turns(list(sources), stop):
        if wanted.rate:
            due = begun + readings / wanted.rate
            if due > begun + wanted.seconds or (due > time.monotonic() and stop.wait(due - time.monotonic())):
                break
        left_s = begun + wanted.seconds - time.monotonic()
        if left_s <= 0:
            break
        rows = sources[account].next(_now_ms() - past_ms)
        if not senders[account].send(rows, within_s=left_s):
            break
        readings += len(rows)
        messages += 1
    return messages


def _turns(accounts: list[Account], stop: threading.Event) -> Iterator[Account]:
    for account in cycle(accounts):
        if stop.is_set():
            return
        yield account


def _keep(ledger: Ledger, senders: list[Sender], ended: threading.Event) -> None:
    last = False
    while not last:
        last = ended.wait(LEDGER_S)
        if confirmed := [one for sender in senders for one in sender.confirmed()]:
            ledger.write(confirmed)


def _now_ms() -> int:
    return int(time.time() * 1000)
