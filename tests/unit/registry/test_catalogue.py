"""Every preset can come into force as it stands, and every template's rows can be told apart."""

from __future__ import annotations

import pytest

from registry import gaslimits
from registry.alarms import refusal
from registry.catalogue import Instrument, gases, template_of, templates, unit_key
from registry.columns import KINDS, show
from registry.defaults import DEADBAND_PERCENT
from registry.offers import tags_of
from registry.plan import point_settings
from registry.presets import resolved
from tests.unit.registry.templated import in_force, templated, warnings

INSTRUMENTS = [one for template in templates().values() for one in template.instruments]
BY_NAME = pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda one: f"{one.template}-{one.role}")
LIMITS = ("ll", "l", "h", "hh")


def bare(instrument: Instrument) -> str:
    """tags.csv with one tag of that instrument and no cell that a preset could fill."""
    code = tags_of(instrument, "S")[0]
    return (
        "enterprise,source,tag,kind,unit,substance\n"
        f"E,S,{code},{instrument.kind},{instrument.units[0]},{instrument.substance}\n"
    )


@BY_NAME
def test_a_bare_tag_takes_its_row_without_a_range_and_without_a_fault(instrument: Instrument) -> None:
    merged = templated(instrument.template, bare(instrument))
    (tag,) = merged.site.tags.values()
    whole, taken = resolved(merged.site, tag)
    assert taken is not None
    assert taken.row == instrument.role
    assert set(taken.columns) == set(instrument.presets)
    assert refusal(point_settings(merged.site, tag)) is None
    assert not list(gaslimits.faults_of(whole, templates()[instrument.template].profile))
    assert {name: getattr(whole, name) for name in LIMITS if getattr(whole, name) is not None} == {
        name: instrument.presets[name] for name in LIMITS if name in instrument.presets
    }


@BY_NAME
def test_a_row_says_what_it_is(instrument: Instrument) -> None:
    assert instrument.kind in KINDS
    assert instrument.mark in ("C", "M", "D")
    assert instrument.codes
    assert instrument.count >= 1
    assert instrument.presets["description"]
    assert set(instrument.give) <= set(LIMITS)
    assert not set(instrument.give) & set(instrument.presets)
    if instrument.kind in DEADBAND_PERCENT:  # else a tag without a range would be refused
        has_limits = any(name in instrument.presets for name in LIMITS)
        assert not has_limits or "deadband" in instrument.presets


@BY_NAME
def test_limits_lie_inside_the_range_that_is_offered(instrument: Instrument) -> None:
    for name in LIMITS:
        limit = instrument.presets.get(name)
        if limit is not None:
            assert instrument.range_lo is None or instrument.range_lo <= limit
            assert instrument.range_hi is None or limit <= instrument.range_hi


@BY_NAME
def test_every_limit_that_must_be_given_is_asked_for(instrument: Instrument) -> None:
    told = warnings(templated(instrument.template, bare(instrument)))
    asked = [text for text in told if f"{instrument.role} of {instrument.template} has no limits of its own" in text]
    assert len(asked) == bool(instrument.give)


def test_there_are_fourteen_templates_and_two_of_gas_detection_alone() -> None:
    assert list(templates()) == [*(f"T{number:02}" for number in range(1, 15)), "GB50493", "GB50072"]
    assert {one.code for one in templates().values() if one.profile == "GB50072"} == {"T05", "GB50072"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("T01", "T01"),
        ("t05", "T05"),
        ("T01 Atmospheric gasoline tank", "T01"),
        ("T02-LPG", "T02"),
        ("T14：有限空间", "T14"),
        ("GB/T 50493-2019", "GB50493"),
        ("GB 50072", "GB50072"),
        ("GB50072-2021", "GB50072"),
        ("", None),
        ("T15", None),
        ("T1", None),
        ("T011", None),
        ("T01X", None),
        ("Tank", None),
        ("my T01", None),
    ],
)
def test_a_source_names_a_template_by_its_code_whatever_words_follow(name: str, code: str | None) -> None:
    found = template_of(name)
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("one", "other"), [("m³/h", "m3/h"), ("M3/H", "m3/h"), ("℃", "°C"), ("% LEL", "%lel"), ("mg/m^3", "mg/m³")]
)
def test_spellings_of_a_unit_are_one(one: str, other: str) -> None:
    assert unit_key(one) == unit_key(other)


@pytest.mark.parametrize(
    ("cas", "ppm"),
    [("7782-50-5", 0.34), ("7664-41-7", 28.7), ("7783-06-4", 7.2), ("630-08-0", 17.5), ("7446-09-5", 1.9),
     ("10102-44-0", 2.7), ("7647-01-0", 5.0), ("7664-39-3", 2.4), ("74-90-8", 0.9), ("75-44-5", 0.12),
     ("71-43-2", 1.9), ("67-56-1", 19.1), ("75-01-4", 3.9), ("108-88-3", 13), ("1330-20-7", 11.5)],
)  # fmt: skip
def test_exposure_limits_convert_to_the_published_ppm(cas: str, ppm: float) -> None:
    gas = gases()[cas]
    digits = len(str(ppm).replace(".", "").lstrip("0"))
    assert float(f"{gas.oel * 24.45 / gas.molar_mass:.{digits}g}") == pytest.approx(ppm, rel=0.02)


def test_one_row_is_as_the_table_has_it() -> None:
    tag = in_force(templated("T01", bare(templates()["T01"].instruments[0])))
    cells = [tag.ll, tag.l, tag.h, tag.hh, tag.deadband, tag.on_delay_s, tag.off_delay_s, tag.priority]
    assert [show(cell) for cell in cells] == ["1.6", "1.8", "12.4", "12.9", "0.05", "10", "60", "3"]
    assert {level: own.priority for level, own in tag.overrides.items()} == {"LL": 1, "HH": 1}
