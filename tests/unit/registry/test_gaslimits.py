"""The highest gas limits of the two standards, to the last figure, and what is only warned of."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalogue import gases
from registry.faults import SiteFaults
from registry.gaslimits import faults_of, presets
from registry.site import Tag
from tests.unit.registry.templated import alarms, in_force, one, warnings

COLUMNS = "tag,kind,unit,substance,h,hh,deadband"
GBT, COLD = "GB/T 50493-2019 5.5.2", "GB 50072-2021 7.4"
NH3, CL2, H2S = "7664-41-7", "7782-50-5", "7783-06-4"


@pytest.mark.parametrize(
    ("template", "cells", "fault"),
    [
        ("", "gas_combustible,%LEL,,25,50,1", None),
        ("", "gas_combustible,%LEL,,25.1,50,1", f"h: 25.1 %LEL is too high; {GBT}: at most 25 %LEL"),
        ("", "gas_combustible,% lel,,20,50.1,1", f"hh: 50.1 % lel is too high; {GBT}: at most 50 % lel"),
        ("", "gas_combustible,%LEL,,,50.1,1", f"hh: 50.1 %LEL is too high; {GBT}: at most 50 %LEL"),
        ("", "gas_combustible,LEL.m,,1,2,0.1", None),
        ("", "gas_combustible,LEL·m,,1.1,2,0.1", f"h: 1.1 LEL·m is too high; {GBT}: at most 1 LEL·m"),
        ("", "gas_toxic,%OEL,,100,200,1", None),
        ("", "gas_toxic,%OEL,,101,200,1", f"h: 101 %OEL is too high; {GBT}: at most 100 %OEL"),
        ("", "gas_toxic,%OEL,,100,201,1", f"hh: 201 %OEL is too high; {GBT}: at most 200 %OEL"),
        ("T01", "gas_toxic,%OEL,,101,200,1", "at most 100 %OEL"),
        ("", f"gas_toxic,mg/m3,{H2S},10,20,1", None),
        ("", f"gas_toxic,mg/m³,{H2S},10.1,20,1", f"{GBT}: at most 10 mg/m³ (100 and 200 %OEL of 10 mg/m3)"),
        ("", f"gas_toxic,mg/m3,{H2S},10,20.1,1", "hh: 20.1 mg/m3 is too high"),
        ("", f"gas_toxic,ppm,{CL2},0.34,0.69,0.03", None),
        ("", f"gas_toxic,ppm,{CL2},0.35,0.69,0.03", "h: 0.35 ppm is too high"),
        ("", f"gas_toxic,ppm,{CL2},0.34,0.7,0.03", f"hh: 0.7 ppm is too high; {GBT}: at most 0.69 ppm (100 and 200"),
        ("", f"gas_toxic,ppm,{NH3},29,57.4,1", None),
        ("", f"gas_toxic,ppm,{NH3},30,57,1", f"h: 30 ppm is too high; {GBT}: at most 29 ppm"),
        ("T03", f"gas_toxic,ppm,{NH3},28,150,1", "hh: 150 ppm is too high"),
        ("a cold room", f"gas_toxic,ppm,{NH3},150,,1", "h: 150 ppm is too high"),
        ("T05", f"gas_toxic,ppm,{NH3},150,39000,1", None),
        ("T05", f"gas_toxic,ppm,{NH3},151,39000,1", f"h: 151 ppm is too high; {COLD}: at most 150 ppm"),
        ("T05", f"gas_toxic,ppm,{NH3},150,40000,1", "hh: 40000 ppm is too high; GB 50072-2021 7.4: at most 39"),
        ("T05", f"gas_toxic,mg/m3,{NH3},104,27000,1", None),
        ("T05", f"gas_toxic,mg/m3,{NH3},106,27000,1", f"{COLD}: at most 104"),
        ("T05", f"gas_combustible,%LEL,{NH3},none,25,1", None),
        ("T05", f"gas_combustible,%LEL,{NH3},,26,1", f"hh: 26 %LEL is too high; {COLD}: at most 25 %LEL"),
        ("GB 50072", f"gas_toxic,ppm,{NH3},150,none,1", None),
        ("T05", f"gas_toxic,ppm,{CL2},0.34,0.7,0.01", f"hh: 0.7 ppm is too high; {GBT}"),
        ("T05", "gas_combustible,%LEL,74-82-8,26,50,1", f"h: 26 %LEL is too high; {GBT}: at most 25 %LEL"),
        ("", "gas_toxic,ppm,,500,1000,1", None),
        ("", "gas_toxic,ppm,50-00-0,500,1000,1", None),
        ("", "gas_combustible,%VOL,74-82-8,5,10,1", None),
        ("", "oxygen,%VOL,,30,,0.2", None),
        ("", "temperature,%LEL,,99,,1", None),
    ],
)
def test_a_gas_limit_above_the_legal_one_is_refused_with_the_clause(
    template: str, cells: str, fault: str | None
) -> None:
    if fault is None:
        one(template, COLUMNS, f"GD,{cells}")
        return
    with pytest.raises(SiteFaults) as refused:
        one(template, COLUMNS, f"GD,{cells}")
    assert fault in str(refused.value)
    assert str(refused.value).startswith("tags.csv:2: ")


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        ("gas_toxic,ppm,,500,1000,1", "tags.csv:2: substance: is empty, so its limits were not compared with GB/T"),
        ("gas_toxic,ppm,50-00-0,5,10,1", "substance: the exposure limit of 50-00-0 is not known here"),
        ("gas_toxic,mV,7783-06-4,5,10,1", "unit: limits in mV cannot be compared with GB/T 50493-2019 5.5.2; use %OEL"),
        ("gas_combustible,%VOL,74-82-8,5,10,1", "unit: limits in %VOL cannot be compared"),
        ("oxygen,%VOL,,25,,0.2", "h: 25 is above the 23.5 %VOL of GB/T 50493-2019 5.5.2"),
        ("gas_toxic,ppm,,,,1", None),
        ("gas_toxic,%OEL,,100,200,1", None),
    ],
)
def test_an_unknown_substance_or_unit_is_a_warning(cells: str, warning: str | None) -> None:
    found = warnings(one("", COLUMNS, f"GD,{cells}"))
    assert len(found) == (warning is not None)
    assert warning is None or warning in found[0]


@pytest.mark.parametrize(
    ("template", "kind", "unit", "substance", "expected"),
    [
        ("GB50493", "gas_combustible", "%LEL", "", {"H": 25, "HH": 50}),
        ("GB50493", "gas_combustible", "LEL.m", "", {"H": 1, "HH": 2}),
        ("GB50493", "gas_toxic", "%OEL", "", {"H": 100, "HH": 200}),
        ("GB50493", "gas_toxic", "mg/m3", H2S, {"H": 10, "HH": 20}),
        ("GB50493", "gas_toxic", "ppm", H2S, {"H": 7.1, "HH": 14}),
        ("GB50493", "gas_toxic", "ppm", NH3, {"H": 28, "HH": 57}),
        ("GB50493", "gas_toxic", "ppm", CL2, {"H": 0.34, "HH": 0.68}),
        ("GB50493", "oxygen", "%VOL", "", {"L": 19.5, "H": 23.5}),
        ("T01", "oxygen", "%VOL", "", {"L": 19.5, "H": 23.5}),
        ("T13", "gas_toxic", "%OEL", "", {"H": 100, "HH": 200}),
        ("GB50072", "gas_toxic", "ppm", NH3, {"H": 150, "HH": 39250}),
        ("GB50072", "gas_combustible", "%LEL", NH3, {"HH": 25}),
        ("GB50072", "gas_combustible", "%LEL", "", {"H": 25, "HH": 50}),
        ("GB50493", "gas_toxic", "ppm", "", {}),
        ("GB50493", "gas_toxic", "ppm", "50-00-0", {}),
        ("", "gas_combustible", "%LEL", "", {}),
        ("my plant", "gas_combustible", "%LEL", "", {}),
    ],
)
def test_gas_tags_without_limits_take_the_standards_where_the_source_names_a_template(
    template: str, kind: str, unit: str, substance: str, expected: dict[str, float]
) -> None:
    merged = one(template, "tag,kind,unit,substance", f"GD,{kind},{unit},{substance}")
    assert alarms(merged) == expected


def test_a_preset_of_a_gas_has_a_deadband_where_there_is_no_range() -> None:
    assert in_force(one("GB50493", "tag,kind,unit,substance", f"GD,gas_toxic,ppm,{NH3}")).deadband == pytest.approx(
        1.68
    )


@given(
    st.sampled_from(sorted(gases())),
    st.sampled_from(["ppm", "mg/m3", "%OEL"]),
    st.sampled_from(["GB50493", "GB50072"]),
    st.floats(1.06, 1e6),
)
def test_no_preset_is_above_the_clause_and_nothing_well_above_it_is_allowed(
    cas: str, unit: str, profile: str, times: float
) -> None:
    bare = Tag("E", "S", "GD", "gas_toxic", unit, substance=cas)
    limits = presets(bare, profile)
    taken = msgspec.structs.replace(bare, **limits)
    assert not list(faults_of(taken, profile))
    if profile == "GB50072" and cas == NH3:
        assert {column for column, _ in faults_of(taken, "GB50493")} == {"h", "hh"}
    high = msgspec.structs.replace(bare, hh=limits["hh"] * 1.1 * times)
    assert [column for column, _ in faults_of(high, profile)] == ["hh"]
