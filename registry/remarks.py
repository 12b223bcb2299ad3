"""A checked site to what an engineer should look at although it is no fault, and to the presets its tags took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry import gaslimits
from registry.catalogue import template_of, templates
from registry.columns import OVERRIDES, show
from registry.faults import Fault
from registry.presets import profile_of, resolved
from registry.site import Site, Tag


def warnings_of(site: Site, lines: Mapping[tuple[str, str], int]) -> tuple[Fault, ...]:
    """Every warning, where it stands; `lines` says where a row was read."""
    found: list[Fault] = []
    for key, source in site.sources.items():
        if source.template and template_of(source.template) is None:
            text = (
                f"there is no template {source.template}, so no presets are taken; there are {', '.join(templates())}"
            )
            found.append(_warning("sources.csv", key, "template", text, lines))
    for key, tag in site.tags.items():
        found += [_warning("tags.csv", key, column, text, lines) for column, text in _of_tag(site, tag)]
    return tuple(sorted(found))


def presets_taken(site: Site) -> Iterator[str]:
    """A line for each tag of a source with a template: the row that the tag is, and the cells taken from there."""
    for key, tag in site.tags.items():
        whole, taken = resolved(site, tag)
        if taken is None or any(column == "tag" for column, _ in taken.remarks):
            continue  # without a template, or warned of
        if not taken.row:
            yield f"{key}: no row of {taken.template} for certain"
            continue
        cells = ", ".join(f"{column} {_cell(whole, column)}" for column in taken.columns)
        yield f"{key}: {taken.template} {taken.row}: {cells or 'nothing, its cells are given'}"


def _of_tag(site: Site, tag: Tag) -> Iterator[tuple[str, str]]:
    is_gas = tag.kind in ("gas_combustible", "gas_toxic", "oxygen")
    source = site.sources.get(f"{tag.enterprise}/{tag.source}")
    if not is_gas and (source is None or not source.template):
        return
    whole, taken = resolved(site, tag)
    if taken is not None:
        yield from taken.remarks
    if is_gas:
        yield from gaslimits.remarks_of(whole, profile_of(site, tag), templated=taken is not None and not taken.remarks)


def _cell(tag: Tag, column: str) -> str:
    if column in OVERRIDES:
        level, field = OVERRIDES[column]
        return show(getattr(tag.overrides[level], field))
    return show(getattr(tag, column))


def _warning(file: str, key: str, column: str, text: str, lines: Mapping[tuple[str, str], int]) -> Fault:
    line = lines.get((file, key), 0)
    return Fault(file, line, column, text if line else f"{text} ({key}, which is in the registry)")
