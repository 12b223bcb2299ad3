"""Which columns each file of a site has, how a cell becomes a value, and how a value becomes a cell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from registry.csvfiles import NUMBER
from registry.ruletypes import RULE_TYPES
from registry.site import (
    LEVELS,
    NONE,
    Contact,
    Enterprise,
    Gateway,
    Region,
    Rule,
    Source,
    Tag,
)

KINDS = (
    "temperature",
    "pressure",
    "level",
    "flow",
    "gas_combustible",
    "gas_toxic",
    "oxygen",
    "displacement",
    "rainfall",
    "current",
    "wind_speed",
    "wind_direction",
    "discrete",
    "other",
)

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
TAG_CODE = re.compile(r"""[^\s"'`/\\+#\x00-\x1f\x7f]{1,64}""")
CHANNEL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE | re.ASCII)
RESERVED = "platform"
TEN_YEARS_S = 315_360_000.0

Parse = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`parse` raises ValueError saying what would be right; an empty cell takes the default of the row's type."""

    name: str
    parse: Parse
    required: bool = False
    may_be_empty: bool = True


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file: rows of `row` kept in `Site.<rows>` by the key columns joined with a slash."""

    file: str
    rows: str
    row: type[msgspec.Struct]
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


def text(cell: str) -> str:
    return cell


def code(cell: str) -> str:
    if not CODE.fullmatch(cell):
        raise ValueError(f"{cell!r} is no code; use 1 to 64 of A-Z a-z 0-9 _ -, the first a letter or digit")
    return cell


def own_code(cell: str) -> str:
    """The code of something that the file itself makes."""
    if cell.lower().startswith(RESERVED):
        raise ValueError(f"codes that begin with {RESERVED} are the platform's own; choose another")
    return code(cell)


def tag_code(cell: str) -> str:
    if not TAG_CODE.fullmatch(cell):
        raise ValueError(f"{cell!r} is no tag code; use 1 to 64 characters without blanks, quotes, slashes, + or #")
    return cell


def own_tag_code(cell: str) -> str:
    if cell.lower().startswith(RESERVED):
        raise ValueError(f"tags that begin with {RESERVED} are the platform's own; choose another")
    return tag_code(cell)


def number(cell: str) -> float:
    if not NUMBER.fullmatch(cell):
        raise ValueError(f"{cell!r} is no number; write one like 12.5")
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is too large a number; it must be finite")
    return value + 0.0  # no negative zero


def limit(cell: str) -> float | str:
    """A number, or `none`: no such alarm, also where the source's template has a preset."""
    return NONE if cell.lower() == NONE else number(cell)


def within(lowest: float, highest: float = math.inf, *, above: bool = False) -> Parse:
    """A number of at least `lowest` (or above it) and at most `highest`."""

    def parse(cell: str) -> float:
        value = number(cell)
        if value < lowest or (above and value == lowest) or value > highest:
            least = f"more than {lowest:g}" if above else f"at least {lowest:g}"
            most = f" and at most {highest:g}" if math.isfinite(highest) else ""
            raise ValueError(f"{cell} must be {least}{most}")
        return value

    return parse


def priority(cell: str) -> int:
    if cell not in ("1", "2", "3", "4"):
        raise ValueError(f"{cell!r} is no priority; use 1 (urgent) to 4 (low)")
    return int(cell)


def boolean(cell: str) -> bool:
    """Spreadsheets write TRUE and FALSE."""
    value = {"true": True, "false": False}.get(cell.lower())
    if value is None:
        raise ValueError(f"{cell!r} is no yes or no; use true or false")
    return value


def one_of(*words: str) -> Parse:
    def parse(cell: str) -> str:
        if cell not in words:
            raise ValueError(f"{cell!r} is none of {', '.join(words)}")
        return cell

    return parse


def pairs(cell: str) -> dict[str, str]:
    """`flow=TAG;level=TAG`"""
    found: dict[str, str] = {}
    for part in cell.split(";"):
        if not part.strip():
            continue
        name, equals, value = (word.strip() for word in part.partition("="))
        if not (name and equals and value):
            raise ValueError(f"{part.strip()!r} is no pair; write name=value;name=value")
        if name in found:
            raise ValueError(f"{name} is given twice; keep one")
        found[name] = value
    return found


def number_pairs(cell: str) -> dict[str, float]:
    """`flow_min=50;noise=0.003;minutes=5`"""
    return {name: number(value) for name, value in pairs(cell).items()}


def channel(cell: str) -> str:
    """The cell may hold a secret: never repeat it."""
    if not CHANNEL.fullmatch(cell):
        raise ValueError("is no channel; write an Apprise URL such as json://host/path or mailto://user:password@host")
    return cell


def show(value: Any) -> str:
    """A value as a cell that parses to the same value."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() | int():
            return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
        case dict():
            return ";".join(f"{name}={show(part)}" for name, part in value.items())
        case _:
            return str(value)


OF_A_LEVEL: dict[str, Parse] = {
    "deadband": within(0),
    "on_delay_s": within(0, TEN_YEARS_S),
    "off_delay_s": within(0, TEN_YEARS_S),
    "latch": boolean,
    "ack_on_return": boolean,
    "priority": priority,
    "on_bad": one_of("hold", "alarm"),
}
OVERRIDES = {f"{level.lower()}_{name}": (level, name) for level in LEVELS for name in OF_A_LEVEL}


def _must(name: str, parse: Parse, *, may_be_empty: bool = False) -> Column:
    return Column(name, parse, required=True, may_be_empty=may_be_empty)


_LON, _LAT = Column("lon", within(-180, 180)), Column("lat", within(-90, 90))

SHEETS = (
    Sheet(
        "regions.csv",
        "regions",
        Region,
        ("code",),
        (_must("code", own_code), _must("name", text), Column("parent", code)),
    ),
    Sheet(
        "enterprises.csv",
        "enterprises",
        Enterprise,
        ("code",),
        (
            _must("code", own_code),
            _must("name", text),
            _must("region", code),
            Column("address", text),
            _LON,
            _LAT,
            Column("exercise", boolean),
        ),
    ),
    Sheet(
        "sources.csv",
        "sources",
        Source,
        ("enterprise", "code"),
        (
            _must("enterprise", code),
            _must("code", own_code),
            _must("name", text),
            Column("template", text),
            Column("grade", text),
            _LON,
            _LAT,
        ),
    ),
    Sheet(
        "gateways.csv",
        "gateways",
        Gateway,
        ("enterprise", "code"),
        (
            _must("enterprise", code),
            _must("code", own_code),
            Column("name", text),
            Column("offline_after_s", within(0, TEN_YEARS_S, above=True)),
            Column("clock", one_of("wall", "source")),
        ),
    ),
    Sheet(
        "tags.csv",
        "tags",
        Tag,
        ("enterprise", "tag"),
        (
            _must("enterprise", code),
            _must("source", code),
            _must("tag", own_tag_code),
            _must("kind", one_of(*KINDS)),
            _must("unit", text, may_be_empty=True),  # only for discrete and other: references.py
            Column("description", text),
            Column("substance", text),
            Column("gateway", code),
            Column("period_s", within(0, TEN_YEARS_S, above=True)),
            Column("range_lo", number),
            Column("range_hi", number),
            Column("ll", limit),
            Column("l", limit),
            Column("h", limit),
            Column("hh", limit),
            Column("deadband", OF_A_LEVEL["deadband"]),
            Column("on_delay_s", OF_A_LEVEL["on_delay_s"]),
            Column("off_delay_s", OF_A_LEVEL["off_delay_s"]),
            Column("latch", boolean),
            Column("ack_on_return", boolean),
            Column("priority", priority),
            Column("stale_s", within(0, TEN_YEARS_S, above=True)),
            Column("on_bad", OF_A_LEVEL["on_bad"]),
            *(Column(name, OF_A_LEVEL[field]) for name, (_, field) in OVERRIDES.items()),
        ),
    ),
    Sheet(
        "rules.csv",
        "rules",
        Rule,
        ("enterprise", "rule"),
        (
            _must("enterprise", code),
            _must("source", code),
            _must("rule", own_code),
            _must("type", one_of(*RULE_TYPES)),
            _must("inputs", pairs),
            Column("params", number_pairs),
            Column("priority", priority),
            Column("on_delay_s", within(0, TEN_YEARS_S)),
            Column("off_delay_s", within(0, TEN_YEARS_S)),
            Column("latch", boolean),
        ),
    ),
    Sheet(
        "contacts.csv",
        "contacts",
        Contact,
        ("name",),
        (
            _must("name", text),
            _must("channel", channel),
            Column("role", text),
            Column("enterprise", code),
            Column("region", code),
            Column("min_priority", priority),
            Column("escalate_after_s", within(0, TEN_YEARS_S)),
        ),
    ),
)
