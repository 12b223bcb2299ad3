"""A site and what somebody sees of it to the regions, enterprises or sources whose figures are compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from registry.people import is_within
from registry.site import Site

By = Literal["region", "enterprise", "source"]
Place = tuple[str, str]  # enterprise, source


class Part(NamedTuple):
    """Its name, what lies above it, and all sources in it."""

    name: str
    parent: str
    places: list[Place]


def parts(site: Site, by: By, places: Iterable[Place], below: Iterable[str]) -> dict[str, Part]:
    """The parts that hold one of `places`, by key; of regions only those within all of `below`, each with all below it.

    A place that the site does not know any more goes by its code.
    """
    if by == "source":
        return {f"{enterprise}/{source}": _source(site, enterprise, source) for enterprise, source in places}
    of_enterprise: dict[str, list[Place]] = {}
    for place in places:
        of_enterprise.setdefault(place[0], []).append(place)
    if by == "enterprise":
        return {code: _enterprise(site, code, held) for code, held in of_enterprise.items()}
    narrowing = [above for above in below if above]
    found = {}
    for region in site.regions.values():
        if all(is_within(site, region.code, above) for above in narrowing):
            held = [
                place
                for code, of_one in of_enterprise.items()
                if code in site.enterprises and is_within(site, site.enterprises[code].region, region.code)
                for place in of_one
            ]
            if held:
                found[region.code] = Part(region.name, region.parent, held)
    return found


def _source(site: Site, enterprise: str, source: str) -> Part:
    known = site.sources.get(f"{enterprise}/{source}")
    return Part(known.name if known else source, enterprise, [(enterprise, source)])


def _enterprise(site: Site, code: str, held: list[Place]) -> Part:
    known = site.enterprises.get(code)
    return Part(known.name if known else code, known.region if known else "", held)
