"""Payload bytes of `readings` and `status` to raw readings and refusals with their reasons; never an exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite, nan

import msgspec

MAX_BYTES = 1 << 20
MAX_ID = 64
MAX_OBJECTS = 50_000  # of one payload: more are no readings, for those take more bytes
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999, which databases can hold
GOOD, UNCERTAIN, BAD = 192, 64, 0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_INT = 18  # digits that surely fit 64 bits; longer numbers are read as floating point
SHOWN = 200  # characters of a strange value that a refusal repeats


class Reason(StrEnum):
    """Why something could not be used."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    UNKNOWN_ENTERPRISE = "unknown_enterprise"
    UNKNOWN_GATEWAY = "unknown_gateway"
    WRONG_GATEWAY = "wrong_gateway"
    UNKNOWN_TAG = "unknown_tag"
    WRONG_TYPE = "wrong_type"
    SAME_TIME = "same_time"
    RETAINED = "retained"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What could not be used: one reading (`tag` and, as `value`, what was sent for it), or a whole object or payload.

    `readings` is how many readings are lost by it; `id` is that of the refused object, where it had one. `quality` is
    that of the reading.
    """

    reason: Reason
    detail: str
    tag: str = ""
    value: str = ""
    readings: int = 1
    id: str | None = None
    quality: int = GOOD


@dataclass(frozen=True, slots=True)
class RawReadings:
    """The usable readings of one object: `ts_ms` None where it gave no time, null and non-numbers as None or NaN.

    `qualities` names only tags that are not good. `refusals` are the object's other readings.
    """

    ts_ms: int | None
    values: dict[str, float | bool | None]
    qualities: dict[str, int]
    id: str | None = None
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class RawStatus:
    """What a gateway, or the broker in its name, says of its connection."""

    online: bool
    ts_ms: int | None = None


class _Wire(msgspec.Struct):
    values: dict[str, float | bool | None]
    ts: int | str | None = None
    quality: dict[str, int] | None = None
    id: str | None = None


_decode = msgspec.json.Decoder(_Wire | list[_Wire]).decode


def readings(payload: bytes) -> list[RawReadings | Refusal]:
    """Each object of a payload in its order; what is well formed goes a fast way, all else a tolerant one.

    An object whose `values` is empty holds nothing and is no fault; one without `values` is.
    """
    if len(payload) > MAX_BYTES:
        return [too_large(len(payload))]
    try:
        found = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _tolerant(payload)
    return [_typed(wire) for wire in found] if isinstance(found, list) else [_typed(found)]


def status(payload: bytes) -> RawStatus | Refusal:
    """The object of a status topic."""
    if len(payload) > MAX_BYTES:
        return too_large(len(payload))
    found = _json(payload)
    if isinstance(found, Refusal):
        return found
    if not isinstance(found, dict) or not isinstance(found.get("online"), bool):
        return Refusal(Reason.WRONG_TYPE, 'a status is an object with "online": true or false', readings=0)
    ts_ms = time_ms(found.get("ts"))
    return RawStatus(found["online"], None if isinstance(ts_ms, Refusal) else ts_ms)


def too_large(size: int) -> Refusal:
    return Refusal(Reason.TOO_LARGE, f"{size} bytes; at most {MAX_BYTES} are read")


def time_ms(ts: object) -> int | Refusal | None:
    """Unix milliseconds of a `ts`; None where there is none. No time is refused for being strange, only no time is."""
    if ts is None:
        return None
    if isinstance(ts, str):
        return _rfc3339_ms(ts)
    if isinstance(ts, bool) or not isinstance(ts, (int, float)):
        return Refusal(Reason.WRONG_TYPE, f"ts must be Unix milliseconds or an RFC 3339 string, not {_shown(ts)}")
    if isinstance(ts, float) and not isfinite(ts):
        return None
    return int(min(max(ts, EARLIEST_MS), LATEST_MS))


def opc_quality(quality: object) -> int | None:
    """192, 64 or 0 by the severity bits of an OPC quality; None where it is none."""
    if isinstance(quality, bool) or not isinstance(quality, (int, float)):
        return None
    if not 0 <= quality <= 255 or quality != int(quality):
        return None
    return {0xC0: GOOD, 0x40: UNCERTAIN}.get(int(quality) & 0xC0, BAD)


def _typed(wire: _Wire) -> RawReadings | Refusal:
    ts = wire.ts
    plain = ts is None or (isinstance(ts, int) and EARLIEST_MS <= ts <= LATEST_MS)
    if plain and wire.quality is None and (wire.id is None or len(wire.id) <= MAX_ID):
        return RawReadings(ts, wire.values, {}, wire.id)  # type: ignore[arg-type]  # an int or None: plain
    return _object({"ts": ts, "values": wire.values, "quality": wire.quality, "id": wire.id})


def _tolerant(payload: bytes) -> list[RawReadings | Refusal]:
    found = _json(payload)
    if isinstance(found, Refusal):
        return [found]
    if not isinstance(found, list):
        return [_object(found)]
    if len(found) > MAX_OBJECTS:
        return [Refusal(Reason.TOO_LARGE, f"an array of {len(found)}; at most {MAX_OBJECTS} objects are read")]
    return [_object(each) for each in found]


def _json(payload: bytes) -> object | Refusal:
    """JSON as gateways write it: bare NaN and Infinity, numbers of any length, a byte order mark."""
    try:
        found: object = json.loads(payload.decode("utf-8-sig"), parse_int=_integer)
    except UnicodeDecodeError as error:
        return Refusal(Reason.NOT_JSON, f"not UTF-8: {error.reason} at byte {error.start}")
    except RecursionError:
        return Refusal(Reason.NOT_JSON, "nested deeper than anybody reads")
    except ValueError as error:
        return Refusal(Reason.NOT_JSON, str(error)[:SHOWN])
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INT else float(digits)


def _object(found: object) -> RawReadings | Refusal:
    if not isinstance(found, dict):
        return Refusal(Reason.WRONG_TYPE, f'an object with "ts" and "values" is wanted, not {_shown(found)}')
    ident, refusals = _identity(found.get("id"))
    values = found.get("values")
    if not isinstance(values, dict):
        what = f"not {_shown(values)}" if "values" in found else "and is missing"
        return Refusal(Reason.WRONG_TYPE, f'"values" must be an object of tag and number, {what}', id=ident)
    qualities = found.get("quality")
    if qualities is not None and not isinstance(qualities, dict):
        detail = f'"quality" must be an object of tag and number, not {_shown(qualities)}'
        return Refusal(Reason.WRONG_TYPE, detail, readings=max(len(values), 1), id=ident)
    ts_ms = time_ms(found.get("ts"))
    if isinstance(ts_ms, Refusal):
        return Refusal(ts_ms.reason, ts_ms.detail, readings=max(len(values), 1), id=ident)
    usable, marks, refused = _readings(values, qualities or {})
    return RawReadings(ts_ms, usable, marks, ident, (*refusals, *refused))


def _identity(ident: object) -> tuple[str | None, tuple[Refusal, ...]]:
    """An id that cannot be used costs the confirmation, not the readings."""
    if ident is None or (isinstance(ident, str) and len(ident) <= MAX_ID):
        return ident, ()
    detail = f'"id" must be a string of at most {MAX_ID} characters, not {_shown(ident)}; nothing is confirmed'
    return None, (Refusal(Reason.WRONG_TYPE, detail, readings=0),)


def _readings(
    values: dict[str, object], qualities: dict[str, object]
) -> tuple[dict[str, float | bool | None], dict[str, int], list[Refusal]]:
    usable: dict[str, float | bool | None] = {}
    marks: dict[str, int] = {}
    refused = []
    for tag, value in values.items():
        number = _number(value)
        given = qualities.get(tag)
        quality = GOOD if given is None else opc_quality(given)
        if isinstance(number, Refusal):
            refused.append(Refusal(number.reason, number.detail, tag, _shown(value)))
        elif quality is None:
            detail = f"a quality is 192, 64 or 0, not {_shown(given)}"
            refused.append(Refusal(Reason.WRONG_TYPE, detail, tag, _shown(value)))
        else:
            usable[tag] = number
            if quality != GOOD:
                marks[tag] = quality
    return usable, marks, refused


def _number(value: object) -> float | Refusal:
    if value is None:
        return nan
    if isinstance(value, (bool, int, float)):
        return float(value) if isfinite(value) else nan
    return Refusal(Reason.WRONG_TYPE, f"a value is a number, true, false or null, not {_shown(value)}")


def _rfc3339_ms(text: str) -> int | Refusal:
    leap = timedelta(seconds=1) if text[16:19] == ":60" else timedelta()
    try:
        moment = datetime.fromisoformat(text.replace(":60", ":59", 1) if leap else text.upper())
    except ValueError:
        return Refusal(Reason.WRONG_TYPE, f"ts must be Unix milliseconds or an RFC 3339 string, not {_shown(text)}")
    if moment.tzinfo is None:
        return Refusal(Reason.WRONG_TYPE, f"ts has no offset from UTC: {_shown(text)}")
    return min(max((moment - EPOCH + leap) // timedelta(milliseconds=1), EARLIEST_MS), LATEST_MS)


_dumps: Callable[..., str] = json.dumps


def _shown(value: object) -> str:
    """A strange value as JSON, cut short."""
    try:
        text = _dumps(value)
    except RecursionError:
        return "something deeply nested"
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
