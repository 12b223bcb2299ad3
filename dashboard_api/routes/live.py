"""The WebSocket: hello, a snapshot or the events since, then the tail, at the pace of whoever reads."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from dashboard_api import wire
from dashboard_api.access import STARTING_S, Context, Sight, is_own_origin, secret_of
from dashboard_api.live.feed import alarm_frame, readings_frame
from dashboard_api.live.hub import NO_LONGER, Screen, Wish
from dashboard_api.release import release
from registry import accounts

router = APIRouter()
MOST_BYTES = 64 << 10
CHECK_S = 3.0  # how often a screen's person is asked for again: one whose account was closed sees no more
SEND_S = 10.0  # a frame that cannot be sent in this time: nobody reads there
POLICY = 1008
VERSION = release()


class AlarmFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    region: str = ""
    enterprise: str = ""
    source: str = ""


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends."""

    type: Literal["subscribe"]
    alarms: AlarmFilter | None = None
    readings: Annotated[list[str], msgspec.Meta(max_length=5_000)] = []
    after: int | None = None


_decode = msgspec.json.Decoder(Subscribe).decode


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Alarms and readings as they happen."""
    here: Context = socket.app.state.context
    secret, by_cookie = secret_of(socket.headers, socket.cookies)
    if by_cookie and not is_own_origin(socket.headers):
        await socket.close(POLICY, "with the cookie, only our own pages may connect (Origin)")
        return
    person = await accounts.person(here.line, secret, now_ms=here.clock.now_ms()) if secret else None
    if person is None:
        await socket.close(POLICY, "log in first, or send a bearer token")
        return
    await socket.accept()
    if not await here.feed.is_ready(STARTING_S):
        await socket.close(1013, "the api is starting")
        return
    screen = Screen(person, secret)
    here.feed.hub.admit(screen)
    try:
        await _serve(here, socket, screen)
    finally:
        here.feed.hub.leave(screen)


async def _serve(here: Context, socket: WebSocket, screen: Screen) -> None:
    screen.send(hello(here))
    tasks = [
        asyncio.create_task(_listen(here, socket, screen), name="listen"),
        asyncio.create_task(_speak(socket, screen), name="speak"),
        asyncio.create_task(_still_welcome(here, screen), name="welcome"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except (WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
        pass  # the client went away; RuntimeError is how the server says that a closed socket was written to
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _close(socket, screen.closing or 1000)


async def _close(socket: WebSocket, code: int) -> None:
    if socket.client_state is WebSocketState.DISCONNECTED or socket.application_state is WebSocketState.DISCONNECTED:
        return
    try:
        async with asyncio.timeout(1):
            await socket.close(code)
    except (RuntimeError, TimeoutError, OSError):
        return  # it is gone already, or does not even take the farewell


async def _listen(here: Context, socket: WebSocket, screen: Screen) -> None:
    while True:
        text = await socket.receive_text()
        try:
            wanted = _decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            fault = {"type": "error", "detail": f"not understood: {error}"}
            screen.send(wire.to_json(fault).decode())
            continue
        subscribe(here, screen, wanted)


async def _speak(socket: WebSocket, screen: Screen) -> None:
    while screen.closing is None:
        if not screen.frames:
            screen.wake.clear()
            await screen.wake.wait()
            continue
        frame = screen.frames.popleft()
        async with asyncio.timeout(SEND_S):
            await socket.send_text(frame)


async def _still_welcome(here: Context, screen: Screen) -> None:
    while True:
        await asyncio.sleep(CHECK_S)
        if not here.line.connected:
            continue
        person = await accounts.person(here.line, screen.secret, now_ms=here.clock.now_ms())
        if person != screen.person:
            screen.close(NO_LONGER)
            return


def hello(here: Context) -> str:
    feed = here.feed
    frame = {
        "type": "hello",
        "seq": feed.book.seq,
        "epoch": feed.epoch,
        "server_time": wire.moment(here.clock.now_ms()),
        "version": VERSION,
    }
    return wire.to_json(frame).decode()


def subscribe(here: Context, screen: Screen, wanted: Subscribe) -> None:
    """What the screen asked for from now on: first what is, or what it missed, then what happens."""
    feed = here.feed
    alarms = wanted.alarms or AlarmFilter()
    sight = Sight(screen.person, feed, region=alarms.region, enterprise=alarms.enterprise, source=alarms.source)
    whole = Sight(screen.person, feed)
    readings = frozenset(one for one in wanted.readings if whole.has(one.partition("/")[0]))
    screen.wish = None  # nothing from the tail between these lines: the loop is not left
    screen.enterprises = sight.enterprises()
    screen.wish = Wish(alarms.region, alarms.enterprise, alarms.source, readings)
    if wanted.after is None:
        screen.send(_snapshot(here, screen))
    else:
        _missed(here, screen, wanted.after)
    for source in readings:
        screen.send(readings_frame(source, feed.values.all_of(source)))


def _snapshot(here: Context, screen: Screen) -> str:
    shown = [
        {"seq": seq, **wire.event(event)}
        for seq, event in here.feed.book.standing()
        if screen.admits(event.enterprise, event.source)
    ]
    return wire.to_json({"type": "snapshot", "seq": here.feed.book.seq, "alarms": shown}).decode()


def _missed(here: Context, screen: Screen, after: int) -> None:
    events = here.feed.after(after)
    if events is None or after > here.feed.book.seq:
        screen.send(wire.to_json({"type": "gap", "from": after, "to": here.feed.book.seq}).decode())
        return
    for seq, event in events:
        if screen.admits(event.enterprise, event.source):
            screen.send(alarm_frame(seq, event))
