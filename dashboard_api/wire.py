"""What is inside to what the outside sees: times as RFC 3339, events and readings as JSON."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerting.events import Event
from alerting.occurrences import Occurrence
from dashboard_api.live.values import Live

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENT_TIMES = ("t", "since", "received_at", "emitted_at", "at", "until")
OCCURRENCE_TIMES = ("since", "raised_at", "returned_at", "acked_at", "received_at", "emitted_at")
OURS = ("epoch", "first_seq", "last_seq")  # of an occurrence, for ourselves
ALWAYS = ("alarm_id", "priority", "limit", "value", "state", "unit")  # null rather than absent

to_json = msgspec.json.Encoder().encode


def moment(ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC with milliseconds; what no calendar holds, as its nearest end."""
    try:
        shown = EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        shown = datetime.max.replace(tzinfo=UTC) if ms > 0 else datetime.min.replace(tzinfo=UTC)
    return f"{shown:%Y-%m-%dT%H:%M:%S}.{shown.microsecond // 1000:03}Z"


def moment_of(shown: datetime | None) -> str | None:
    return None if shown is None else moment((shown - EPOCH) // timedelta(milliseconds=1))


def milliseconds(text: str) -> int:
    """RFC 3339 or Unix milliseconds; ValueError where it is neither."""
    if text.lstrip("-").isdecimal():
        return int(text)
    parsed = datetime.fromisoformat(text.strip().replace(" ", "+"))
    if parsed.tzinfo is None:
        message = "a time needs its offset, such as 2026-11-23T03:05:00Z"
        raise ValueError(message)
    return (parsed - EPOCH) // timedelta(milliseconds=1)


def event(one: Event) -> dict[str, Any]:
    """An event as contract and journal name its fields; what does not apply is left out."""
    shown: dict[str, Any] = msgspec.to_builtins(one)
    for name in EVENT_TIMES:
        if name in shown:
            shown[name] = moment(shown[name])
    for name in ("value", "v", "limit"):
        if name in shown and not math.isfinite(shown[name]):
            shown[name] = None
    return {**dict.fromkeys(ALWAYS), **shown}


def occurrence(one: Occurrence) -> dict[str, Any]:
    shown: dict[str, Any] = {**msgspec.to_builtins(one), "seq": one.last_seq}
    for name in OURS:
        del shown[name]
    for name in OCCURRENCE_TIMES:
        if shown[name] is not None:
            shown[name] = moment(shown[name])
    return shown


def live(one: Live | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"value": one.value, "quality": one.quality, "t": moment(one.t), "received_at": moment(one.received_at)}
