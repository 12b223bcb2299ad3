"""The files of `registry/templates` to presets: which instrument of a template takes which limits, and its rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from registry.columns import OVERRIDES, SHEETS
from registry.csvfiles import Row, table

TEMPLATE_NAME = re.compile(r"(T\d\d|GB50493|GB50072)(?![0-9A-Za-z])", re.ASCII)
PRESET_COLUMNS = (
    "ll", "l", "h", "hh", "deadband", "on_delay_s", "off_delay_s", "latch", "ack_on_return", "priority", "on_bad",
    *OVERRIDES, "description",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of templates/tags.csv. `presets` holds parsed cells of tags.csv by column, `give` what the plant must
    give itself (limits that follow from a recipe or a design), `mark` how far the figures can be trusted."""

    template: str
    role: str
    letters: str  # the first of the codes
    codes: frozenset[str]
    words: tuple[str, ...]
    kind: str
    units: tuple[str, ...]
    substance: str
    count: int
    presets: Mapping[str, Any]
    give: Mapping[str, str]
    emergency: tuple[str, ...]
    normal: str
    range_lo: float | None
    range_hi: float | None
    mark: str
    source: str


@dataclass(frozen=True, slots=True)
class OfferedRule:
    """One row of templates/rules.csv: cells of rules.csv whose inputs name roles instead of tags."""

    rule: str
    cells: Mapping[str, str]
    emergency: bool
    note: str


@dataclass(frozen=True, slots=True)
class Template:
    """`profile` names the standard that bounds its gas limits: GB50493, or GB50072 in a cold store."""

    code: str
    name: str
    profile: str
    note: str
    instruments: tuple[Instrument, ...] = ()
    rules: tuple[OfferedRule, ...] = ()
    by_unit: Mapping[tuple[str, str], tuple[Instrument, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gas:
    """A substance with its occupational exposure limit in mg/m3; `lel_vol` in % by volume."""

    cas: str
    name: str
    molar_mass: float
    oel: float
    lel_vol: float | None


@lru_cache(1024)
def template_of(name: str) -> Template | None:
    """The template that a cell of sources.csv names: its code, whatever words follow (`T01 gasoline tank`)."""
    if not name:
        return None
    found = TEMPLATE_NAME.match(name.upper().replace("GB/T", "GB").replace("GB ", "GB"))
    return templates().get(found.group(1)) if found else None


@cache
def templates() -> Mapping[str, Template]:
    """Every template by its code."""
    instruments = [_instrument(row.cells) for row in _rows("tags.csv")]
    rules = [(row.cells["template"], _rule(row.cells)) for row in _rows("rules.csv")]
    found = {}
    for row in _rows("templates.csv"):
        code = row.cells["template"]
        own = tuple(one for one in instruments if one.template == code)
        by_unit: dict[tuple[str, str], tuple[Instrument, ...]] = {}
        for one in own:
            for unit in one.units:
                key = (one.kind, unit_key(unit))
                by_unit[key] = (*by_unit.get(key, ()), one)
        offered = tuple(rule for of, rule in rules if of == code)
        cells = row.cells
        found[code] = Template(code, cells["name"], cells["profile"], cells["note"], own, offered, by_unit)
    return MappingProxyType(found)


@cache
def gases() -> Mapping[str, Gas]:
    """Every substance whose exposure limit we know, by CAS number."""
    return MappingProxyType(
        {
            row.cells["cas"]: Gas(
                row.cells["cas"],
                row.cells["name"],
                float(row.cells["molar_mass"]),
                float(row.cells["oel_mg_m3"]),
                _number(row.cells["lel_vol"]),
            )
            for row in _rows("gases.csv")
        }
    )


def unit_key(unit: str) -> str:
    """A unit as it is compared: `m³/h`, `M3/h` and `m3/h` are one."""
    return unit.replace(" ", "").replace("³", "3").replace("^", "").replace("℃", "°C").casefold()


def _rows(file: str) -> tuple[Row, ...]:
    return table(file, files("registry").joinpath("templates").joinpath(file).read_bytes()).rows


def _instrument(cells: Mapping[str, str]) -> Instrument:
    sheet = next(sheet for sheet in SHEETS if sheet.file == "tags.csv")
    presets = {
        column.name: column.parse(cells[column.name])
        for column in sheet.columns
        if column.name in PRESET_COLUMNS and cells.get(column.name)
    }
    return Instrument(
        cells["template"],
        cells["role"],
        cells["codes"].split()[0],
        frozenset(cells["codes"].split()),
        tuple(word for word in cells["words"].split("|") if word),
        cells["kind"],
        tuple(cells["unit"].split("|")),
        cells["substance"],
        int(cells["count"]),
        MappingProxyType(presets),
        MappingProxyType(_give(cells["give"])),
        tuple(cells["emergency"].split()),
        cells["normal"],
        _number(cells["range_lo"]),
        _number(cells["range_hi"]),
        cells["mark"],
        cells["source"],
    )


def _rule(cells: Mapping[str, str]) -> OfferedRule:
    own = {name: cells[name] for name in ("type", "inputs", "params", "priority", "on_delay_s", "off_delay_s", "latch")}
    return OfferedRule(cells["rule"], MappingProxyType(own), bool(cells["emergency"]), cells["note"])


def _give(cell: str) -> dict[str, str]:
    parts = (part.partition("=") for part in cell.split(";") if part)
    return {name.strip(): what.strip() for name, _, what in parts}


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
