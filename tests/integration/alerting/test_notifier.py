"""The notifier on a real line with real providers: in time, again after a kill, and nobody held up by another."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from standardwebhooks import Webhook

from alerting import snapshot
from alerting.events import Ev, Event, State
from alerting.notifier import attempts, channels, links, service
from alerting.notifier.attempts import Attempt, Kind, Outcome
from alerting.notifier.channels import ChannelError, Notice
from alerting.notifier.escalation import contact_id
from line.clock import SteadyClock
from line.log import Line
from tests.integration.alerting.conftest import FILES, Voice, import_site, running


@dataclass
class Provider:
    """The other end of channels: keeps every call, and answers as it is told; `hold` keeps the answer back."""

    port: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # for the next calls; then 200
    hold: asyncio.Event | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): (.*?)\r$", head)}
        raw = await reader.readexactly(int(headers["content-length"]))
        call = {"path": head.split()[1], "headers": headers, "raw": raw, "at": time.monotonic(), **json.loads(raw)}
        async with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        if self.hold is not None:
            await self.hold.wait()
        status = self.answers.pop(0) if self.answers else 200
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def rang(self, count: int, path: str = "/", seconds: float = 10) -> list[dict[str, Any]]:
        """The calls to a path, as soon as there are so many."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: len(self.at(path)) >= count)
        return self.at(path)

    def at(self, path: str) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["path"].startswith(path)]

    def channel(self, path: str) -> str:
        return f"json://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    if made.hold is not None:
        made.hold.set()
    server.close()


def contacts(*rows: str) -> dict[str, str]:
    head = "name,channel,role,enterprise,region,min_priority,escalate_after_s\n"
    return {**FILES, "contacts.csv": head + "".join(f"{row}\n" for row in rows)}


def telling(line: Line) -> Callable[[asyncio.Event], Awaitable[None]]:
    return lambda stop: service.run(line, public_url="http://127.0.0.1:8099/", stop=stop)


def event(ev: Ev, state: State, *, id_: str = "a1", ann: bool | None = None, **more: Any) -> Event:
    now = time.time_ns() // 1_000_000
    fields = {
        "t": now, "emitted_at": now, "enterprise": "E1", "source": "TF1", "tag": "FAST", "alarm": "H", "priority": 1,
        "value": 85.5, "limit": 80.0, "unit": "m", "occ": 1, **more,
    }  # fmt: skip
    return Event(ev=ev, state=state, alarm_id=id_, ann=ann, **fields)


async def told(line: Line, wanted: Callable[[Attempt], bool], seconds: float = 10) -> Attempt:
    """The first attempt in the line that is wanted."""
    async with asyncio.timeout(seconds):
        async for key, value in line.watch(attempts.BUCKET):
            if key.startswith(attempts.PREFIX) and value is not None and wanted(attempts.decode(value)):
                return attempts.decode(value)
    raise AssertionError


async def until_running(line: Line) -> None:
    async with asyncio.timeout(10):
        async for key, value in line.watch("roles"):
            if key == "notifier" and value is not None and json.loads(value)["registry"] > 0:
                return


async def test_a_contact_is_told_within_a_second_and_accepts_by_his_link(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    await import_site(line, contacts(f"Night shift,{provider.channel('/n')},,,,4,0"), clock)
    voice = Voice(line)
    async with running(telling(line)):
        await until_running(line)
        began = time.monotonic()
        await voice.say(event(Ev.ACTIVE, State.UNACK, ann=True))
        (call,) = await provider.rang(1)
        assert call["at"] - began < 1
        assert call["title"] == "P1 H Tank farm FAST 85.5 ≥ 80 m"
        assert call["headers"]["idempotency-key"] == "a1.raise-1." + contact_id("Night shift")
        found = re.search(r"http://127\.0\.0\.1:8099/n/([\w.-]+)", call["message"])
        assert found
        link = links.verify(found[1], await links.secret(line), clock.now_ms())
        assert (link.alarm_id, link.occ, link.enterprise, link.tag, link.alarm) == ("a1", 1, "E1", "FAST", "H")
        sent = await told(line, lambda one: one.outcome is Outcome.SENT)
        assert (sent.contact, sent.channel, sent.kind, sent.attempt) == (
            "Night shift", "json://127.0.0.1", Kind.RAISE, 1,
        )  # fmt: skip
        await voice.say(event(Ev.ACK, State.ACKED, user=links.user_of("Night shift")))
        accepted = await told(line, lambda one: one.accepted)
        assert accepted.accepted_by == links.user_of("Night shift")


async def test_escalation_ends_with_an_acknowledgement_and_the_return_goes_to_those_who_know(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    rows = (
        f"First,{provider.channel('/first')},,,330200,4,0",
        f"Second,{provider.channel('/second')},,E1,,4,0.6",
        f"Third,{provider.channel('/third')},,,,4,1.2",
        f"Elsewhere,{provider.channel('/elsewhere')},,,440000,4,0",
    )
    await import_site(line, contacts(*rows), clock)
    voice = Voice(line)
    async with running(telling(line)):
        await until_running(line)
        began = time.monotonic()
        await voice.say(event(Ev.ACTIVE, State.UNACK, ann=True))
        await provider.rang(1, "/first")
        (second,) = await provider.rang(1, "/second")
        assert 0.5 < second["at"] - began < 1.2
        await voice.say(event(Ev.ACK, State.ACKED, user="op"))
        await voice.say(event(Ev.RTN, State.NORM))
        for path in ("/first", "/second"):
            calls = await provider.rang(2, path)
            assert "恢复 RTN" in calls[1]["title"]
        assert provider.at("/third") == provider.at("/elsewhere") == []


async def test_killed_between_sending_and_recording_it_sends_once_more(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    await import_site(line, contacts(f"Night shift,{provider.channel('/n')},,,,4,0"), clock)
    voice = Voice(line)
    provider.hold = asyncio.Event()
    async with running(telling(line)):
        await until_running(line)
        await voice.say(event(Ev.ACTIVE, State.UNACK, ann=True))
        await provider.rang(1)
    provider.hold.set()
    async with running(telling(line)):
        await provider.rang(2)
        await told(line, lambda one: one.outcome is Outcome.SENT and one.attempt == 2)
    async with running(telling(line)):  # and never again
        await voice.say(event(Ev.ACTIVE, State.UNACK, id_="a2", ann=True, tag="LOW"))
        calls = await provider.rang(3)
    assert len({call["headers"]["idempotency-key"] for call in calls[:2]}) == 1
    assert "LOW" in calls[2]["title"]
    assert len(provider.calls) == 3


async def test_a_provider_that_hangs_delays_nobody_else(line: Line, clock: SteadyClock, provider: Provider) -> None:
    hanging = Provider(hold=asyncio.Event())
    server = await asyncio.start_server(hanging.handle, "127.0.0.1", 0)
    hanging.port = server.sockets[0].getsockname()[1]
    rows = (f"Hangs,{hanging.channel('/h')},,,,4,0", f"Works,{provider.channel('/w')},,,,4,0")
    await import_site(line, contacts(*rows), clock)
    voice = Voice(line)
    async with running(telling(line)):
        await until_running(line)
        for number in range(4):
            began = time.monotonic()
            await voice.say(event(Ev.ACTIVE, State.UNACK, id_=f"a{number}", ann=True, tag=f"T{number}"))
            calls = await provider.rang(number + 1)
            assert calls[-1]["at"] - began < 1
        assert len(hanging.calls) <= 3
    assert hanging.hold is not None
    hanging.hold.set()
    server.close()


async def test_what_a_provider_refuses_is_tried_again_and_every_attempt_is_kept(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    provider.answers = [500, 429]
    await import_site(line, contacts(f"Night shift,{provider.channel('/n/secret-token')},,,,4,0"), clock)
    voice = Voice(line)
    async with running(telling(line)):
        await until_running(line)
        await voice.say(event(Ev.ACTIVE, State.UNACK, ann=True))
        calls = await provider.rang(3)
        assert 0.7 < calls[1]["at"] - calls[0]["at"] < 2
        assert 1.4 < calls[2]["at"] - calls[1]["at"] < 3
        await told(line, lambda one: one.outcome is Outcome.SENT)
        kept = await attempts.recent(line)
        assert [(one.attempt, one.outcome) for one in kept] == [(3, "sent"), (2, "failed"), (1, "failed")]
        assert "500" in (kept[2].error or "")
        assert "secret-token" not in json.dumps(msgspec.to_builtins(kept))


async def test_an_hour_of_events_at_once_is_one_notice_of_the_newest_state(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    await import_site(line, contacts(f"Night shift,{provider.channel('/n')},,,,4,0"), clock)
    voice = Voice(line)
    for number in range(10):
        await voice.say(event(Ev.ACTIVE, State.UNACK, id_=f"a{number}", ann=True), behind_ms=3_600_000 - number)
        await voice.say(event(Ev.RTN, State.RTNUN, id_=f"a{number}"), behind_ms=3_600_000 - number)
    await voice.say(event(Ev.ACTIVE, State.UNACK, id_="over", ann=True, tag="SLOW"), behind_ms=70_000)
    await voice.say(event(Ev.RTN, State.NORM, id_="over", tag="SLOW"), behind_ms=70_000)
    async with running(telling(line)):
        (call,) = await provider.rang(1)
        assert "已恢复" in call["title"]
        assert "延迟通知" in call["message"]
        await voice.say(event(Ev.ACTIVE, State.UNACK, id_="new", ann=True, tag="LOW"))
        await provider.rang(2)
    assert len(provider.calls) == 2


async def test_events_that_were_missed_are_told_from_what_stands(
    line: Line, clock: SteadyClock, provider: Provider
) -> None:
    await import_site(line, contacts(f"Night shift,{provider.channel('/n')},,,,4,0"), clock)
    voice = Voice(line)
    first = event(Ev.ACTIVE, State.UNACK, ann=True)
    await voice.say(first)
    await voice.say(event(Ev.ACTIVE, State.UNACK, id_="a2", ann=True, tag="SLOW"))
    await voice.say(event(Ev.RTN, State.NORM, id_="a2", tag="SLOW"))
    shelf, _ = await snapshot.Shelf.open(line)
    taken = snapshot.Snapshot(await line.epoch(), 3, 0, 1, clock.now_ms(), b"", standing=(first,))
    with tempfile.TemporaryFile() as file:
        snapshot.write(taken, file)
        snapshot.seal(file, voice.seq)
        await shelf.put(file, taken.input_seq)
    await line.trim(1, voice.seq)
    async with running(telling(line)):
        (call,) = await provider.rang(1)
        assert "FAST" in call["title"]
        await voice.say(event(Ev.ACK, State.ACKED, user="op"))
        await voice.say(event(Ev.RTN, State.NORM))
        calls = await provider.rang(2)
        assert "恢复" in calls[1]["title"]
    assert len(provider.calls) == 2


async def test_more_than_five_a_minute_become_a_summary_that_hides_no_priority_1(
    line: Line, clock: SteadyClock, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.notifier.grouping.SPAN_MS", 3_000)
    await import_site(line, contacts(f"Night shift,{provider.channel('/n')},,,,4,0"), clock)
    voice = Voice(line)
    async with running(telling(line)):
        await until_running(line)
        for number in range(12):
            await voice.say(event(Ev.ACTIVE, State.UNACK, id_=f"a{number}", ann=True, tag=f"T{number}", priority=3))
        await provider.rang(5)
        await voice.say(event(Ev.ACTIVE, State.UNACK, id_="p1", ann=True, tag="URGENT"))
        calls = await provider.rang(6)
        assert "URGENT" in calls[5]["title"]
        calls = await provider.rang(7)
        assert calls[6]["title"] == "7 条报警 7 alarms (P3: 7)"
        summary = await told(line, lambda one: one.kind is Kind.SUMMARY and one.outcome is Outcome.SENT)
        assert len(summary.covers) == 7


async def test_a_webhook_of_our_own_is_signed(provider: Provider) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    channel = f"webhook://127.0.0.1:{provider.port}/in?site=1&secret={quote(secret)}"
    await channels.send(channel, Notice("a1.raise-1.c1", "Title 标题", "Body", 1))
    (call,) = provider.calls
    assert call["path"] == "/in?site=1"
    assert (call["type"], call["title"], call["headers"]["webhook-id"]) == (
        "alarm.raised",
        "Title 标题",
        "a1.raise-1.c1",
    )
    Webhook(secret).verify(call["raw"], call["headers"])
    provider.answers = [503]
    with pytest.raises(ChannelError, match="503"):
        await channels.send(channel, Notice("a1.raise-1.c1", "Title", "Body", 1))


async def test_a_channel_that_nobody_knows_is_refused_in_words() -> None:
    with pytest.raises(ChannelError, match="no channel that Apprise knows"):
        await channels.send("nonsense://secret-token", Notice("k", "t", "b", 1))
