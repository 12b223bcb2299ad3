"""Which row of a template a tag is, which of its cells are filled, and that a given cell always wins."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.alarms import refusal
from registry.catalogue import Instrument, templates
from registry.csvfiles import read_zip
from registry.faults import SiteFaults
from registry.merge import export_zip, merge
from registry.plan import NoDeadband, compile_plan, point_settings
from registry.presets import letters, resolved
from registry.site import LevelOverride, Site, Source, Tag
from tests.unit.registry.templated import alarms, in_force, one, row, templated, warnings

TAG = "tag,kind,unit"
LEVEL = "level,m"
LADDER = {"LL": 1.6, "L": 1.8, "H": 12.4, "HH": 12.9}


@pytest.mark.parametrize(
    ("tag", "source", "expected"),
    [
        ("TK101.LT", "TK101", ["LT"]),
        ("TK101.LT2", "TK101", ["LT2", "LT"]),
        ("TK101-LT-2", "TK101", ["LT2", "LT"]),
        ("TK101_LTB", "TK101", ["LTB", "LT"]),
        ("LT-A", "TK101", ["LTA", "LT"]),
        ("LT-101A", "TK101", ["LT101A", "LTA", "LT"]),
        ("AREA1.TK101.PT", "TK101", ["PT"]),
        ("SW02.H2S", "SW02", ["H2S", "HS"]),
        ("SW02.O2", "SW02", ["O2", "O"]),
        ("液位1", "S", ["1"]),
        ("液位", "S", []),
    ],
)
def test_the_letters_of_a_tag_code(tag: str, source: str, expected: list[str]) -> None:
    assert letters(Tag("E", source, tag, "level", "m")) == expected


@pytest.mark.parametrize(
    ("template", "columns", "cells", "expected"),
    [
        ("T01", TAG, f"S.LT,{LEVEL}", "LT-A"),
        ("T01", TAG, f"S.LTB,{LEVEL}", "LT-B"),
        ("T01", TAG, f"LI-101B,{LEVEL}", "LT-B"),
        ("T01", f"{TAG},description", f"X1,{LEVEL},独立液位", "LT-B"),
        ("T01", f"{TAG},description", f"X1,{LEVEL},Servo gauge", "LT-A"),
        ("T01", TAG, "X1,temperature,℃", "TT"),
        ("T01", TAG, "X1,flow,m³/h", ""),
        ("T01", TAG, "S.FO,flow,m3/h", "FI-OUT"),
        ("T01", TAG, "X1,level,mm", ""),
        ("T01", TAG, "X1,gas_combustible,% LEL", "GD"),
        ("T05", f"{TAG},substance", "S.MR1,gas_toxic,ppm,7664-41-7", "MR"),
        ("T05", f"{TAG},substance,description", "S.X1,gas_toxic,ppm,7664-41-7,车间氨气", "WA"),
        ("T05", f"{TAG},substance", "S.X1,gas_toxic,ppm,630-08-0", "GB/T 50493-2019 5.5.2"),
        ("T08", f"{TAG},substance", "S.TT,temperature,°C,75-21-8", "EO-TT"),
        ("T08", f"{TAG},substance", "S.TT,temperature,°C,1333-74-0", "H2-TT"),
        ("T08", f"{TAG},description", "S.O2,oxygen,%VOL,室内氧含量", "O2"),
        ("T06", TAG, "S.VALVE,discrete,", ""),
        ("T06", TAG, "S.BYP,discrete,", "BYP"),
        ("T12", TAG, "S.U1,other,V", "U-V"),
    ],
)
def test_a_tag_is_the_one_row_of_its_kind_and_unit_that_its_letters_or_words_name(
    template: str, columns: str, cells: str, expected: str
) -> None:
    assert row(one(template, columns, cells)) == expected


@pytest.mark.parametrize(
    ("template", "columns", "cells", "why"),
    [
        ("T01", TAG, f"X1,{LEVEL}", "may be LT-A, LT-B of T01, so no preset was taken"),
        ("T01", f"{TAG},description", f"X1,{LEVEL},gauge A or gauge B", "may be LT-A, LT-B of T01"),
        ("T08", TAG, "X1,temperature,°C", "may be H2-TT, EO-TT of T08, so no preset was taken: give its substance"),
        ("T08", TAG, "S.O2,oxygen,%VOL", "may be EO-O2, O2 of T08"),
        ("T04", TAG, "S.GD1,gas_toxic,ppm", "looks like CL2 of T04, but its substance is empty: give 7782-50-5"),
    ],
)
def test_an_ambiguous_tag_takes_nothing_and_is_warned_of(template: str, columns: str, cells: str, why: str) -> None:
    merged = one(template, columns, cells)
    assert alarms(merged) == {}
    assert why in warnings(merged)[0]
    assert warnings(merged)[0].startswith("tags.csv:2: tag: ")


def test_an_ambiguous_tag_with_limits_of_its_own_is_not_warned_of() -> None:
    merged = one("T01", f"{TAG},h,range_lo,range_hi", f"X1,{LEVEL},9,0,10")
    assert (alarms(merged), merged.warnings) == ({"H": 9}, ())


def test_a_bare_tag_takes_everything() -> None:
    merged = one("T01", TAG, f"S.LT,{LEVEL}")
    (tag,) = merged.site.tags.values()
    assert alarms(merged) == LADDER
    settings_ = point_settings(merged.site, tag)
    assert {level: alarm.priority for level, alarm in settings_.alarms.items()} == {"LL": 1, "L": 3, "H": 3, "HH": 1}
    assert {(alarm.deadband, alarm.on_delay_ms, alarm.off_delay_ms) for alarm in settings_.alarms.values()} == {
        (0.05, 10_000, 60_000)
    }
    assert in_force(merged).description == "液位 Level, gauge A"
    assert tag.h is None
    assert not merged.warnings


@pytest.mark.parametrize("template", ["", "my own words", "T99"])
def test_without_a_template_that_we_know_an_empty_cell_means_no_alarm(template: str) -> None:
    merged = one(template, TAG, f"S.LT,{LEVEL}")
    assert alarms(merged) == {}
    assert len(merged.warnings) == (template != "")
    if template:
        assert warnings(merged)[0].startswith(
            f"sources.csv:2: template: there is no template {template}, so no presets"
        )


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("h", "11", {**LADDER, "H": 11}),
        ("hh", "none", {"LL": 1.6, "L": 1.8, "H": 12.4}),
        ("ll,l,h,hh", "none,None,NONE,none", {}),
        ("ll,l", "none,none", {"H": 12.4, "HH": 12.9}),
        ("ll,l,h,hh", "1,2,3,4", {"LL": 1, "L": 2, "H": 3, "HH": 4}),
        ("range_lo,range_hi", "0,12.5", {"LL": 1.6, "L": 1.8, "H": 12.4}),
        ("range_hi", "10", {"LL": 1.6, "L": 1.8}),
    ],
)
def test_a_given_limit_wins_and_none_is_no_alarm(columns: str, cells: str, expected: dict[str, float]) -> None:
    assert alarms(one("T01", f"{TAG},{columns}", f"S.LT,{LEVEL},{cells}")) == expected


def test_a_preset_outside_the_instruments_range_is_left_with_a_warning() -> None:
    found = warnings(one("T01", f"{TAG},range_lo,range_hi", f"S.LT,{LEVEL},0,12.5"))
    assert found == ["tags.csv:2: hh: 12.9 of LT-A lies outside the range 0 to 12.5 and was not taken"]


@pytest.mark.parametrize(("columns", "cells"), [("h", "13"), ("l", "12.5"), ("deadband", "9"), ("hh_deadband", "8")])
def test_presets_never_contradict_what_is_given(columns: str, cells: str) -> None:
    merged = one("T01", f"{TAG},{columns}", f"S.LT,{LEVEL},{cells}")
    assert set(alarms(merged)) == ({columns.upper()} if columns in ("h", "l") else set())
    assert "the presets of LT-A do not fit the cells given and were not taken" in warnings(merged)[0]


@pytest.mark.parametrize(
    ("columns", "cells", "deadband"),
    [
        ("h", "900", 30.0),
        ("h", "20", None),  # clears below -10: it would ring for ever
        ("h,range_lo,range_hi", "20,0,50", 2.5),
        ("h,range_lo,range_hi", "20,-50,50", 30.0),
        ("l,range_lo,range_hi", "480,0,500", 25.0),
    ],
)
def test_a_deadband_of_a_larger_plant_is_left(columns: str, cells: str, deadband: float | None) -> None:
    """Without a range an own deadband is then asked for, as without a template."""
    row_ = f"E,S,S.FI,flow,m3/h,{cells}"
    text = f"enterprise,source,{TAG},{columns}\n{row_}\n"
    if deadband is None:
        with pytest.raises(SiteFaults, match="no default deadband without a range"):
            templated("T01", text)
        return
    merged = templated("T01", text)
    (tag,) = merged.site.tags.values()
    assert {alarm.deadband for alarm in point_settings(merged.site, tag).alarms.values()} == {deadband}
    assert bool(merged.warnings) == (deadband != 30.0 or "range" in columns)


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("priority", "4", {"LL": 4, "L": 4, "H": 4, "HH": 4}),
        ("hh_priority", "2", {"LL": 1, "L": 3, "H": 3, "HH": 2}),
        ("h_priority", "2", {"LL": 1, "L": 3, "H": 2, "HH": 1}),
    ],
)
def test_a_cell_given_for_the_tag_outweighs_a_preset_of_a_level(
    columns: str, cells: str, expected: dict[str, int]
) -> None:
    merged = one("T01", f"{TAG},{columns}", f"S.LT,{LEVEL},{cells}")
    (tag,) = merged.site.tags.values()
    found = point_settings(merged.site, tag).alarms
    assert {level: alarm.priority for level, alarm in found.items()} == expected


def test_a_false_latch_and_a_delay_of_zero_are_given_cells() -> None:
    merged = one("T01", f"{TAG},hh_latch,off_delay_s", "S.GD1,gas_combustible,%LEL,false,0")
    (tag,) = merged.site.tags.values()
    alarm = point_settings(merged.site, tag).alarms["HH"]
    assert (alarm.latch, alarm.off_delay_ms, alarm.limit) == (False, 0, 50)


def test_none_without_a_template_is_an_empty_cell() -> None:
    merged = one("", f"{TAG},l,h,range_lo,range_hi", f"S.LT,{LEVEL},none,9,0,10")
    assert alarms(merged) == {"H": 9}


def test_the_template_of_a_source_may_change_or_go() -> None:
    site = one("T01", f"{TAG},hh", f"S.LT,{LEVEL},none").site
    assert set(alarms(merge(site, {}))) == {"LL", "L", "H"}
    other = merge(site, {"sources.csv": b"enterprise,code,name,template\nE,S,Source,\n"})
    assert alarms(other) == {}


def test_an_export_gives_back_what_was_imported_and_nothing_of_the_template() -> None:
    site = one("T01", f"{TAG},h,hh", f"S.LT,{LEVEL},11,none").site
    again = merge(Site(), read_zip(export_zip(site)))
    assert again.site == site
    (tag,) = again.site.tags.values()
    assert (tag.ll, tag.l, tag.h, tag.hh, tag.priority, tag.description) == (None, None, 11.0, "none", None, "")
    assert msgspec.json.decode(msgspec.json.encode(site), type=Site) == site
    assert compile_plan(again.site) == compile_plan(site)


LIMIT = st.none() | st.just("none") | st.floats(-5, 60, allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([row for one_ in templates().values() for row in one_.instruments]),
    st.tuples(LIMIT, LIMIT, LIMIT, LIMIT),
    st.none() | st.floats(0, 20),
    st.none() | st.integers(1, 4),
)
def test_presets_add_no_fault_to_whatever_is_given(
    instrument: Instrument, limits: tuple[float | str | None, ...], deadband: float | None, priority: int | None
) -> None:
    """Where the cells alone can come into force, they can with the presets; and every given cell stands."""
    named = dict(zip(("ll", "l", "h", "hh"), limits, strict=True))
    tag = msgspec.structs.replace(
        Tag("E", "S", f"S.{instrument.letters}", instrument.kind, instrument.units[0], substance=instrument.substance),
        **named,
        deadband=deadband,
        priority=priority,
        overrides={"H": LevelOverride(deadband=1.0)} if priority == 2 else {},
        range_lo=-100,
        range_hi=100_000,
    )
    bare = Site(sources={"E/S": Source("E", "S", "Source")})
    with_template = Site(sources={"E/S": Source("E", "S", "Source", template=instrument.template)})
    whole, taken = resolved(with_template, tag)
    assert taken is not None
    for name in ("ll", "l", "h", "hh", "deadband", "priority"):
        given_cell = getattr(tag, name)
        if given_cell is not None:
            assert getattr(whole, name) == (None if given_cell == "none" else given_cell)
            assert name not in taken.columns
    try:
        alone = refusal(point_settings(bare, tag))
    except NoDeadband:
        return
    if alone is None:
        assert refusal(point_settings(with_template, tag)) is None


def test_a_templated_source_with_many_tags_is_told_in_the_order_of_the_file() -> None:
    merged = templated("T01", f"enterprise,source,{TAG}\nE,S,A,{LEVEL}\nE,S,B,{LEVEL}\n")
    assert [warning.line for warning in merged.warnings] == [2, 3]
