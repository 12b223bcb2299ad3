"""A gas tag to the highest limits that the standard allows it, to what is wrong with its own, and to its presets.

GB/T 50493-2019 5.5.2: combustible at most 25 and 50 %LEL, toxic at most 100 and 200 % of the occupational exposure
limit (OEL). GB 50072-2021 7.4 holds instead for ammonia in a cold store: 150 ppm and 25 %LEL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor, log10

from registry.catalogue import Gas, gases, unit_key
from registry.site import Tag

GENERAL, COLD_STORE = "GB50493", "GB50072"  # profiles of templates
CLAUSE = {GENERAL: "GB/T 50493-2019 5.5.2", COLD_STORE: "GB 50072-2021 7.4"}
AMMONIA = "7664-41-7"
MOLAR_VOLUME = 24.45  # litres a mole at 25 °C and 101.325 kPa: mg/m3 = ppm x molar mass / 24.45
OXYGEN_LOW, OXYGEN_HIGH = 19.5, 23.5  # %VOL
DEADBAND_OF_OEL = 0.06  # 2 % of a range of 300 % OEL
DEADBAND_LEL = 2.0
COLD_STORE_PPM, COLD_STORE_LEL = 150.0, 25.0
UNITS = "%OEL, mg/m3 or ppm"
OPEN_PATH = frozenset({"lel.m", "lel·m", "lelm", "lel-m", "lel*m"})


@dataclass(frozen=True, slots=True)
class Most:
    """The highest H and HH in the tag's unit, exactly. `clause` says whose, `basis` what they are converted from."""

    h: float
    hh: float
    clause: str
    basis: str = ""


def faults_of(tag: Tag, profile: str = GENERAL) -> Iterator[tuple[str, str]]:
    """Every limit of a tag (presets filled in) that is above what the standard allows, by column."""
    found = most(tag, profile)
    if not isinstance(found, Most):
        return
    for column, exact in (("h", found.h), ("hh", found.hh)):
        highest = _ceiling(exact) if found.basis else exact
        limit = getattr(tag, column)
        if isinstance(limit, float | int) and limit > highest:
            basis = f" ({found.basis})" if found.basis else ""
            yield column, f"{limit:g} {tag.unit} is too high; {found.clause}: at most {highest:g} {tag.unit}{basis}"


def remarks_of(tag: Tag, profile: str, *, templated: bool) -> Iterator[tuple[str, str]]:
    """What could not be compared of a gas tag, with limits or with none and a template that should fill them."""
    if tag.kind == "oxygen":
        yield from _oxygen(tag)
        return
    found = most(tag, profile)
    if isinstance(found, tuple) and (templated or isinstance(tag.h, float) or isinstance(tag.hh, float)):
        yield found


def most(tag: Tag, profile: str = GENERAL) -> Most | tuple[str, str] | None:
    """The highest limits of a gas tag; the column and the reason where they are not known; None for other kinds."""
    unit = unit_key(tag.unit)
    if tag.kind == "gas_combustible":
        return _combustible(tag, unit, profile)
    if tag.kind == "gas_toxic":
        return _toxic(tag, unit, profile)
    return None


def presets(tag: Tag, profile: str) -> Mapping[str, float]:
    """Limits and deadband by column for a gas tag that its template does not list; empty where none are known."""
    if tag.kind == "oxygen" and unit_key(tag.unit) in ("%vol", "%"):
        return {"l": OXYGEN_LOW, "h": OXYGEN_HIGH, "deadband": 0.2}
    found = most(tag, profile)
    if not isinstance(found, Most):
        return {}
    h, hh = _written(found.h), _written(found.hh)
    if h >= hh:  # ammonia in %LEL in a cold store: 25 is both
        return {"hh": hh, "deadband": DEADBAND_LEL}
    deadband = DEADBAND_LEL if tag.kind == "gas_combustible" else DEADBAND_OF_OEL * h
    if unit_key(tag.unit) in OPEN_PATH:
        deadband = 0.1
    return {"h": h, "hh": hh, "deadband": deadband}


def clause_of(tag: Tag, profile: str) -> str:
    """The name of the standard whose presets a gas tag takes."""
    found = most(tag, profile)
    return found.clause if isinstance(found, Most) else CLAUSE[GENERAL]


def _combustible(tag: Tag, unit: str, profile: str) -> Most | tuple[str, str]:
    if unit == "%lel":
        if profile == COLD_STORE and tag.substance == AMMONIA:
            return Most(COLD_STORE_LEL, COLD_STORE_LEL, CLAUSE[COLD_STORE])
        return Most(25.0, 50.0, CLAUSE[GENERAL])
    if unit in OPEN_PATH:
        return Most(1.0, 2.0, CLAUSE[GENERAL])
    return "unit", f"limits in {tag.unit} cannot be compared with {CLAUSE[GENERAL]}; it speaks of %LEL (or LEL.m)"


def _toxic(tag: Tag, unit: str, profile: str) -> Most | tuple[str, str]:
    gas = gases().get(tag.substance)
    if profile == COLD_STORE and tag.substance == AMMONIA and gas is not None:
        return _in_a_cold_store(tag, unit, gas)
    if unit == "%oel":
        return Most(100.0, 200.0, CLAUSE[GENERAL])
    if unit not in ("mg/m3", "ppm"):
        return "unit", f"limits in {tag.unit} cannot be compared with {CLAUSE[GENERAL]}; use {UNITS}"
    if gas is None:
        said = f"the exposure limit of {tag.substance} is not known here" if tag.substance else "is empty"
        return "substance", f"{said}, so its limits were not compared with {CLAUSE[GENERAL]}: at most 100 and 200 %OEL"
    if unit == "mg/m3":
        return Most(gas.oel, 2 * gas.oel, CLAUSE[GENERAL], f"100 and 200 %OEL of {gas.oel:g} mg/m3")
    basis = f"100 and 200 %OEL of {gas.oel:g} mg/m3 at 25 °C"
    return Most(_ppm(gas, gas.oel), _ppm(gas, 2 * gas.oel), CLAUSE[GENERAL], basis)


def _in_a_cold_store(tag: Tag, unit: str, gas: Gas) -> Most | tuple[str, str]:
    """Ammonia: 150 ppm, and 25 %LEL, which is 39,250 ppm."""
    high = COLD_STORE_LEL * (gas.lel_vol or 0.0) * 100  # % of % by volume
    mg = gas.molar_mass / MOLAR_VOLUME
    scale = {"ppm": 1.0, "mg/m3": mg, "%oel": mg / gas.oel * 100}.get(unit)
    basis = "150 ppm and 25 %LEL"
    if unit == "%lel":
        return Most(COLD_STORE_LEL, COLD_STORE_LEL, CLAUSE[COLD_STORE])
    if scale is None:
        return "unit", f"limits in {tag.unit} cannot be compared with {CLAUSE[COLD_STORE]}; use {UNITS}"
    return Most(COLD_STORE_PPM * scale, high * scale, CLAUSE[COLD_STORE], basis)


def _oxygen(tag: Tag) -> Iterator[tuple[str, str]]:
    if unit_key(tag.unit) not in ("%vol", "%"):
        return
    if isinstance(tag.l, float) and tag.l < OXYGEN_LOW and isinstance(tag.h, float):
        yield "l", f"{tag.l:g} is below the {OXYGEN_LOW:g} %VOL of {CLAUSE[GENERAL]}"
    if isinstance(tag.h, float) and tag.h > OXYGEN_HIGH:
        yield "h", f"{tag.h:g} is above the {OXYGEN_HIGH:g} %VOL of {CLAUSE[GENERAL]}"


def _ppm(gas: Gas, mg_m3: float) -> float:
    return mg_m3 * MOLAR_VOLUME / gas.molar_mass


def _ceiling(exact: float) -> float:
    """Converted figures are written with two or three digits: what so rounds to the limit is the limit."""
    return max(exact, _rounded(exact, 2), _rounded(exact, 3))


def _rounded(value: float, digits: int) -> float:
    return round(value, digits - 1 - floor(log10(abs(value))))


def _written(highest: float) -> float:
    """A maximum as a preset: whole numbers stay, others are rounded down to two digits."""
    if highest == round(highest):
        return highest
    step = 10.0 ** (floor(log10(highest)) - 1)
    return round(floor(highest / step + 1e-9) * step, 6)
