"""A merged site to the faults between its rows: names that lead nowhere, limits out of order, rules that cannot run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from registry import gaslimits, ruletypes
from registry.alarms import refusal
from registry.faults import Fault
from registry.plan import NoDeadband, point_settings
from registry.platform import PLATFORM
from registry.presets import in_force, profile_of
from registry.site import Region, Rule, Site, Tag

UNITLESS = frozenset({"discrete", "other"})

Found = tuple[str, str]  # column, text


def faults_of(site: Site, lines: Mapping[tuple[str, str], int], faulty: AbstractSet[tuple[str, str]]) -> list[Fault]:
    """Every fault between rows. `lines` says where a row was read; a row in `faulty` has been complained of already."""
    checks: tuple[tuple[str, Iterable[tuple[str, Iterator[Found]]]], ...] = (
        ("regions.csv", ((key, _region(site, row)) for key, row in site.regions.items())),
        ("enterprises.csv", ((key, _placed(site, row.region)) for key, row in site.enterprises.items())),
        ("sources.csv", ((key, _owned(site, row.enterprise)) for key, row in site.sources.items())),
        ("gateways.csv", ((key, _gateway(site, row.enterprise, row.clock)) for key, row in site.gateways.items())),
        ("tags.csv", ((key, _tag(site, row)) for key, row in site.tags.items())),
        ("rules.csv", ((key, _rule(site, row)) for key, row in site.rules.items())),
        ("contacts.csv", ((key, _contact(site, row.enterprise, row.region)) for key, row in site.contacts.items())),
    )
    faults = []
    for file, rows in checks:
        for key, found in rows:
            if (file, key) in faulty:
                continue
            line = lines.get((file, key), 0)
            for column, text in found:
                faults.append(Fault(file, line, column, text if line else f"{text} ({key}, which is in the registry)"))
    return faults


def _region(site: Site, region: Region) -> Iterator[Found]:
    if not region.parent:
        return
    if region.parent not in site.regions:
        yield "parent", _no(f"region {region.parent}", site.regions)
        return
    seen = {region.code}
    above = region.parent
    while above in site.regions:
        if above in seen:
            if above == region.code:  # said once for each region in the loop, not for those below it
                yield "parent", f"{region.code} lies inside itself; one of its parents must be empty or another"
            return
        seen.add(above)
        above = site.regions[above].parent


def _placed(site: Site, region: str) -> Iterator[Found]:
    if region not in site.regions:
        yield "region", _no(f"region {region}", site.regions)


def _owned(site: Site, enterprise: str) -> Iterator[Found]:
    if enterprise not in site.enterprises:
        yield "enterprise", _no(f"enterprise {enterprise}", site.enterprises)


def _gateway(site: Site, enterprise: str, clock: str) -> Iterator[Found]:
    yield from _owned(site, enterprise)
    owner = site.enterprises.get(enterprise)
    if clock == "source" and owner is not None and not owner.exercise:
        yield "clock", f"source is only for drills and replays, and {enterprise} is real: use wall, or set its exercise"


def _tag(site: Site, tag: Tag) -> Iterator[Found]:
    yield from _owned(site, tag.enterprise)
    yield from _sourced(site, tag.enterprise, tag.source)
    if tag.gateway and f"{tag.enterprise}/{tag.gateway}" not in site.gateways:
        yield "gateway", f"{tag.enterprise} has no gateway {tag.gateway}; name one of its own in gateways.csv or none"
    if not tag.unit and tag.kind not in UNITLESS:
        yield "unit", f"is empty; a {tag.kind} has a unit"
    if tag.range_lo is not None and tag.range_hi is not None and tag.range_lo >= tag.range_hi:
        yield "range_lo", f"{tag.range_lo:g} must be below range_hi {tag.range_hi:g}"
        return
    yield from _limits(site, tag)


def _limits(site: Site, tag: Tag) -> Iterator[Found]:
    try:
        why = refusal(point_settings(site, tag))
    except NoDeadband as error:
        yield "deadband", str(error)
        return
    if why:
        yield why.partition(" ")[0].rstrip(":").lower(), why
    if tag.kind in ("gas_combustible", "gas_toxic"):
        yield from gaslimits.faults_of(in_force(site, tag), profile_of(site, tag))


def _rule(site: Site, rule: Rule) -> Iterator[Found]:
    yield from _owned(site, rule.enterprise)
    yield from _sourced(site, rule.enterprise, rule.source)
    if f"{rule.enterprise}/{rule.rule}" in site.tags:
        yield (
            "rule",
            f"{rule.rule} is a tag of {rule.enterprise} already; its alarms would have one name: choose another",
        )
    for role, tag in rule.inputs.items():
        if f"{rule.enterprise}/{tag}" not in site.tags:
            yield "inputs", f"{role}={tag}: {rule.enterprise} has no tag {tag}; name one of tags.csv"
    yield from ruletypes.faults_of(rule.type, rule.inputs, rule.params)


def _contact(site: Site, enterprise: str, region: str) -> Iterator[Found]:
    if enterprise and enterprise != PLATFORM:
        yield from _owned(site, enterprise)
    if region:
        yield from _placed(site, region)


def _sourced(site: Site, enterprise: str, source: str) -> Iterator[Found]:
    if enterprise in site.enterprises and f"{enterprise}/{source}" not in site.sources:
        yield "source", f"{enterprise} has no source {source}; name one of its own in sources.csv"


def _no(what: str, there: Mapping[str, object]) -> str:
    some = ", ".join(sorted(there)[:5])
    more = ", …" if len(there) > 5 else ""
    return f"there is no {what}; there are {some}{more}" if there else f"there is no {what}; add it to its file first"
