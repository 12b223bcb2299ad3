"""The names of the line's streams and buckets, and how much each may hold."""

from __future__ import annotations

import msgspec

PARTITION = 0  # one when embedded; design decision 8

INPUT = "INPUT"
ALARM = "ALARM"
INPUT_SUBJECTS = "hw.input.>"
ALARM_SUBJECTS = "hw.alarm.>"

BUCKETS: dict[str, float | None] = {  # name -> seconds an entry is kept, None for ever
    "registry": None,
    "accounts": None,
    "credentials": None,
    "roles": None,
    "positions": None,
    "clock": None,
    "notices": None,
    "idempotency": 86_400.0,
}
OBJECTS = ("sites", "snapshots")


class Limits(msgspec.Struct, frozen=True):
    """Bytes that the streams may take of the store; what is left is the reserve of buckets and MQTT's own streams.

    INPUT refuses new messages when full (gateways are then not confirmed), ALARM keeps a part that INPUT cannot take.
    """

    input_bytes: int = 8 << 30
    alarm_bytes: int = 2 << 30


class Usage(msgspec.Struct, frozen=True):
    """What the streams hold now."""

    input_bytes: int
    input_max_bytes: int
    input_messages: int
    alarm_bytes: int
    alarm_max_bytes: int


def input_subject(kind: str) -> str:
    return f"hw.input.{PARTITION}.{kind}"


def unlogged_subject() -> str:
    """Readings that INPUT has no room for: held in memory alone, so that alarms do not wait for the room."""
    return f"hw.unlogged.{PARTITION}"


def alarm_subject() -> str:
    return f"hw.alarm.{PARTITION}"
