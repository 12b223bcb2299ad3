"""Regions with all below, enterprises and sources as rows of a comparison."""

from __future__ import annotations

import pytest

from dashboard_api.parts import By, Place, parts
from registry.site import Enterprise, Region, Site, Source

SITE = Site(
    regions={
        one.code: one
        for one in (Region("33", "Province"), Region("3302", "City", "33"), Region("330211", "County", "3302"))
    },
    enterprises={one.code: one for one in (Enterprise("E1", "First", "330211"), Enterprise("E2", "Second", "3302"))},
    sources={
        "E1/A": Source("E1", "A", "Tanks"),
        "E1/B": Source("E1", "B", "Spheres"),
        "E2/A": Source("E2", "A", "Dam"),
    },
)
A, B, C = ("E1", "A"), ("E1", "B"), ("E2", "A")
GONE = ("E9", "Z")  # in the journal, no longer in the site


@pytest.mark.parametrize(
    ("by", "below", "expected"),
    [
        ("source", (), {"E1/A": [A], "E1/B": [B], "E2/A": [C], "E9/Z": [GONE]}),
        ("enterprise", (), {"E1": [A, B], "E2": [C], "E9": [GONE]}),
        ("region", ("", ""), {"33": [A, B, C], "3302": [A, B, C], "330211": [A, B]}),
        ("region", ("3302", ""), {"3302": [A, B, C], "330211": [A, B]}),
        ("region", ("33", "330211"), {"330211": [A, B]}),
    ],
)
def test_rows_hold_what_lies_in_them(by: By, below: tuple[str, ...], expected: dict[str, list[Place]]) -> None:
    found = parts(SITE, by, [A, B, C, GONE], below)
    assert {key: part.places for key, part in found.items()} == expected


def test_a_region_in_which_nothing_is_seen_is_no_row() -> None:
    assert set(parts(SITE, "region", [C], ())) == {"33", "3302"}


def test_what_the_site_no_longer_knows_goes_by_its_code() -> None:
    found = parts(SITE, "enterprise", [A, GONE], ())
    assert [(one.name, one.parent) for one in found.values()] == [("First", "330211"), ("E9", "")]
    assert parts(SITE, "source", [GONE], ())["E9/Z"][:2] == ("Z", "E9")
