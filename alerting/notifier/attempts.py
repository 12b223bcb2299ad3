"""Attempts to reach people, as they are kept in the line: who, when, over which channel, with which outcome."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from line.log import Line

BUCKET = "notices"
PREFIX = "attempt."
KEPT = 1_000  # in the line, the newest; the database keeps all


class Outcome(StrEnum):
    """SENDING is written before, the others after: one that stays SENDING was cut short, and is repeated."""

    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Kind(StrEnum):
    """What a notice says: an alarm was raised, has returned to normal, or several of them in one."""

    RAISE = "raise"
    RETURN = "return"
    SUMMARY = "summary"


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to hand one notice to one contact's provider; `channel` is scheme and host alone.

    `id` is the notice's key (alarm, step, contact) and the number of the attempt. `covers` are the keys of the notices
    that a summary stands for. `accepted` says whether the contact has acknowledged the alarm since. Times are Unix
    milliseconds of the steady clock.
    """

    id: str
    key: str
    at: int
    contact: str
    channel: str
    kind: Kind
    attempt: int
    outcome: Outcome
    alarm_id: str | None = None
    enterprise: str = ""
    source: str = ""
    tag: str = ""
    alarm: str = ""
    priority: int | None = None
    error: str | None = None
    done_at: int | None = None
    accepted: bool = False
    accepted_at: int | None = None
    accepted_by: str | None = None
    covers: tuple[str, ...] = ()


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Attempt).decode


async def held(line: Line) -> dict[str, Attempt]:
    """The attempts that the line holds, by their entries in the bucket."""
    entries = await line.entries(BUCKET)
    return {key: decode(value) for key, value in entries.items() if key.startswith(PREFIX)}


async def recent(line: Line) -> list[Attempt]:
    """The attempts that the line holds, newest first."""
    return sorted((await held(line)).values(), key=lambda attempt: (attempt.at, attempt.id), reverse=True)
