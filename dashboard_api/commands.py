"""What a person asks of an alarm to the engine's verdict: on INPUT like everything that moves an alarm, once."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import Any

import msgspec

from alerting.events import Ev, Event
from dashboard_api import wire
from dashboard_api.access import Context
from dashboard_api.problems import Problem
from line.log import Conflict
from line.messages import Command
from registry.people import Person

PATIENCE_S = 3.0
BUCKET = "idempotency"
REASONS = {
    "stale_occurrence": "the alarm was raised again since: look at what it shows now",
    "nothing_to_ack": "there is nothing to acknowledge",
    "not_resettable": "only a latched alarm that has returned and was acknowledged can be reset",
    "reason_required": "a reason is needed",
    "duration": "the end must lie ahead, and no further than the alarm's longest shelving time",
    "permit_required": "out of service needs the number of a permit",
    "not_shelvable": "this alarm may not be shelved",
    "not_shelved": "it is not shelved",
    "not_suppressed": "it is not suppressed",
    "already_suppressed": "it is suppressed already",
    "not_out_of_service": "it is in service",
    "invalid_config": "the settings contradict each other",
    "unknown_command": "there is no such command",
    "internal_error": "the engine failed on it; the fault is in its log, and the alarm is as it was",
    "unknown_alarm": "there is no such alarm",
}


class Answer(msgspec.Struct, frozen=True):
    """What the caller gets, also when he asks again with the same key."""

    status: int
    body: dict[str, Any]


async def carry_out(here: Context, command: Command, *, person: Person, key: str | None) -> Answer:
    """The engine's verdict on a command, or 202 where it gives none in time; a repeated key gets the first answer."""
    if key is None:
        return await _ask(here, command)
    entry = hashlib.sha256(f"{person.name}\0{command.cmd}\0{command.tag}\0{key}".encode()).hexdigest()
    try:
        await here.line.create(BUCKET, entry, command.id.encode())
    except Conflict:
        return await _first_answer(here, entry)
    answer = await _ask(here, command)
    await here.line.put(BUCKET, entry, msgspec.json.encode(answer))
    return answer


def command_id() -> str:
    return uuid.uuid4().hex


async def _first_answer(here: Context, entry: str) -> Answer:
    """What the first call was told; while it still waits, so does this one."""
    end = asyncio.get_running_loop().time() + PATIENCE_S + 1
    while True:
        found = await here.line.get(BUCKET, entry)
        value = found[0] if found else b""
        if value.startswith(b"{"):
            return msgspec.json.decode(value, type=Answer)
        if asyncio.get_running_loop().time() > end:
            return Answer(202, {"pending": value.decode()})
        await asyncio.sleep(0.05)


async def _ask(here: Context, command: Command) -> Answer:
    verdict = here.feed.verdict(command.id)
    try:
        await here.line.append(command)
        async with asyncio.timeout(PATIENCE_S):
            event = await verdict
    except TimeoutError:
        return Answer(202, {"pending": command.id})
    finally:
        here.feed.forget(command.id)
    return _answer(event)


def _answer(event: Event) -> Answer:
    if event.ev is not Ev.REJECT:
        shown = wire.event(event)
        return Answer(200, {"alarm_id": event.alarm_id, "state": event.state, "occ": event.occ, "event": shown})
    reason = event.reason or "refused"
    status = 404 if reason == "unknown_alarm" else 409
    detail = f"The rules refuse this: {REASONS.get(reason, reason)}."
    return Answer(status, {"detail": detail, "reason": reason, "state": event.state})


def refused_as_problem(answer: Answer) -> None:
    """Raises where the verdict is no success."""
    if answer.status >= 400:
        more = {name: value for name, value in answer.body.items() if name != "detail"}
        raise Problem(answer.status, str(answer.body["detail"]), **more)
