"""A tag and the template of its source to the tag as it is in force: empty cells filled with the template's presets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from registry import defaults, gaslimits
from registry.alarms import LOW, AlarmSettings, PointSettings, refusal
from registry.catalogue import Instrument, Template, template_of, unit_key
from registry.columns import OVERRIDES
from registry.site import LEVELS, NONE, LevelOverride, Site, Tag

LIMITS = ("ll", "l", "h", "hh")
SAYS_LITTLE = frozenset({"discrete", "other"})  # kinds that alone do not tell one instrument from another
NOT_A_LETTER = re.compile(r"[^A-Z0-9]", re.ASCII)
DIGITS = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a tag took of its source's template: the row (a role, or the standard of a gas) and the columns filled.

    `remarks` says, by column, what was left or must still be given.
    """

    template: str
    row: str
    columns: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...] = ()


def in_force(site: Site, tag: Tag) -> Tag:
    """The tag with the presets of its source's template in its empty cells; a given cell always wins."""
    return resolved(site, tag)[0]


def resolved(site: Site, tag: Tag) -> tuple[Tag, Taken | None]:
    """The tag in force, and what it took; None where its source names no template that we know."""
    source = site.sources.get(f"{tag.enterprise}/{tag.source}")
    template = template_of(source.template) if source is not None and source.template else None
    if template is None:
        return _without_none(tag), None
    row, why = instrument_of(template, tag)
    if row is not None:
        filled, columns, remarks = _filled(tag, row.presets, row.role)
        remarks += _to_give(filled, row)
        return _without_none(filled), Taken(template.code, row.role, columns, remarks)
    if why:
        remarks = () if _has_limits(tag) else (("tag", why),)
        return _without_none(tag), Taken(template.code, "", (), remarks)
    found = gaslimits.presets(tag, template.profile)
    if not found:
        return _without_none(tag), Taken(template.code, "", ())
    name = gaslimits.clause_of(tag, template.profile)
    filled, columns, remarks = _filled(tag, found, name)
    return _without_none(filled), Taken(template.code, name, columns, remarks)


def profile_of(site: Site, tag: Tag) -> str:
    """The standard that bounds the gas limits of the tag's source."""
    source = site.sources.get(f"{tag.enterprise}/{tag.source}")
    template = template_of(source.template) if source is not None and source.template else None
    return gaslimits.GENERAL if template is None else template.profile


def instrument_of(template: Template, tag: Tag) -> tuple[Instrument | None, str]:
    """The one row of a template that a tag is, or why it cannot be said; ("", None) where no row is meant at all.

    Kind and unit must be equal, and the substance where the row has one. Of several rows the one whose codes hold the
    tag's letters, else the one with a word in the tag's description. A row alone needs neither, except where the kind
    is discrete or other.
    """
    rows = template.by_unit.get((tag.kind, unit_key(tag.unit)), ())
    rows = tuple(row for row in rows if row.substance in ("", tag.substance) or not tag.substance)
    named = _by_letters(rows, tag) or _by_words(rows, tag)
    if not named and tag.kind in SAYS_LITTLE:
        return None, ""
    of = named or rows
    if not of:
        return None, ""
    if len(of) > 1:
        roles = ", ".join(row.role for row in of)
        return None, f"may be {roles} of {template.code}, so no preset was taken: {_tell(of)}"
    (row,) = of
    if row.substance and not tag.substance:
        why = f"looks like {row.role} of {template.code}, but its substance is empty: give {row.substance} or its own"
        return None, why
    return row, ""


def letters(tag: Tag) -> Sequence[str]:
    """The forms of a tag code under which a template may know it: `TK101.LT2`, `TK101-LT-2` -> LT2, LT."""
    code, source = tag.tag.upper(), tag.source.upper()
    last = code.rpartition(".")[2]
    if last == code and code.startswith(source) and code != source:
        last = code[len(source) :]
    whole = NOT_A_LETTER.sub("", last)
    short = whole.rstrip("0123456789")
    bare = DIGITS.sub("", whole)
    forms = [whole, short, bare]
    if len(bare) > 2 and bare[-1] in "ABCDEF":  # LT-A, LT-B of several alike
        forms.append(bare[:-1])
    return list(dict.fromkeys(form for form in forms if form))


def _by_letters(rows: Sequence[Instrument], tag: Tag) -> Sequence[Instrument]:
    for form in letters(tag):
        named = [row for row in rows if form in row.codes]
        if named:
            return (_by_words(named, tag) or named) if len(named) > 1 else named
    return ()


def _by_words(rows: Sequence[Instrument], tag: Tag) -> Sequence[Instrument]:
    said = tag.description.casefold()
    return [row for row in rows if any(word in said for word in row.words)] if said else ()


def _tell(rows: Sequence[Instrument]) -> str:
    if len({row.substance for row in rows}) == len(rows):
        return "give its substance"
    codes = " or ".join(row.letters for row in rows)
    return f"use the letters {codes} in its code, say which in its description, or give its limits"


def _filled(tag: Tag, presets: Mapping[str, Any], row: str) -> tuple[Tag, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The tag with presets in empty cells; what does not fit the cells given, or lies outside the range, is left."""
    remarks: list[tuple[str, str]] = []
    limits = {name: presets[name] for name in LIMITS if name in presets and getattr(tag, name) is None}
    for name in [name for name, value in limits.items() if not _is_in_range(tag, value)]:
        range_ = f"{_end(tag.range_lo)} to {_end(tag.range_hi)}"
        remarks.append((name, f"{limits.pop(name):g} of {row} lies outside the range {range_} and was not taken"))
    others = {name: value for name, value in presets.items() if name not in LIMITS}
    mild = {name: value for name, value in others.items() if not name.endswith("deadband")}
    why = ""
    for own, rest in ((limits, others), ({}, others), ({}, mild)):
        filled, columns = _others(tag, rest)
        whole = msgspec.structs.replace(filled, **own) if own else filled
        columns = (*own, *columns)
        misfit = _misfit(whole) if own or any(name.endswith("deadband") for name in columns) else None
        if misfit is None:
            break
        why = why or misfit
    if why:
        column = next(iter(limits), "deadband")
        remarks.append((column, f"the presets of {row} do not fit the cells given and were not taken: {why}"))
    return whole, columns, tuple(remarks)


def _others(tag: Tag, presets: Mapping[str, Any]) -> tuple[Tag, tuple[str, ...]]:
    """Everything but limits. A cell given for the whole tag outweighs a preset of one level."""
    if not presets:
        return tag, ()
    fields: dict[str, Any] = {}
    levels = {level: msgspec.structs.asdict(own) for level, own in tag.overrides.items()}
    columns = []
    for name, value in presets.items():
        if name in OVERRIDES:
            level, of = OVERRIDES[name]
            if getattr(tag, of) is None and levels.get(level, {}).get(of) is None:
                levels.setdefault(level, {})[of] = value
                columns.append(name)
        elif getattr(tag, name) in (None, ""):
            fields[name] = value
            columns.append(name)
    overrides = {level: LevelOverride(**own) for level, own in levels.items()}
    return msgspec.structs.replace(tag, **fields, overrides=overrides), tuple(columns)


def _is_in_range(tag: Tag, limit: float) -> bool:
    return (tag.range_lo is None or limit >= tag.range_lo) and (tag.range_hi is None or limit <= tag.range_hi)


def _end(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def _misfit(tag: Tag) -> str | None:
    """Why limits and deadbands together would be refused (R8), or would never return, or None."""
    usual = defaults.deadband(tag)
    alarms = {}
    for level in LEVELS:
        limit = getattr(tag, level.lower())
        if limit is not None and limit != NONE:
            own = tag.overrides.get(level, LevelOverride()).deadband
            given = tag.deadband if own is None else own
            alarms[level] = AlarmSettings(limit, (usual or 0.0) if given is None else given)
    point = PointSettings(0, tag.enterprise, tag.source, tag.tag, alarms=alarms)
    return refusal(point) or next((why for level, one in alarms.items() if (why := _for_ever(tag, level, one))), None)


def _for_ever(tag: Tag, level: str, alarm: AlarmSettings) -> str | None:
    """Why an alarm could not return: its deadband is that of a larger plant."""
    if level in LOW:
        clear, end = alarm.limit + alarm.deadband, tag.range_hi
        is_reached = end is None or clear < end
    else:
        clear, end = alarm.limit - alarm.deadband, tag.range_lo
        if end is None and alarm.limit > 0:
            end = 0.0
        is_reached = end is None or clear > end
    return None if is_reached else f"{level} {alarm.limit:g} with a deadband of {alarm.deadband:g} would never return"


def _to_give(tag: Tag, row: Instrument) -> tuple[tuple[str, str], ...]:
    """What follows from the plant and is still empty; a tag with one such limit has been thought about."""
    if not row.give or _has_limits(tag):
        return ()
    column = next(iter(row.give))
    wanted = ", ".join(f"{name} ({what})" for name, what in row.give.items())
    return ((column, f"{row.role} of {row.template} has no limits of its own: give {wanted}, or none"),)


def _has_limits(tag: Tag) -> bool:
    """Whether somebody has thought about this tag's alarms."""
    return any(getattr(tag, name) is not None for name in LIMITS)


def _without_none(tag: Tag) -> Tag:
    said = {name: None for name in LIMITS if getattr(tag, name) == NONE}
    return msgspec.structs.replace(tag, **said) if said else tag
