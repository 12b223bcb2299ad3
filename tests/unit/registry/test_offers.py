"""What a template offers can be copied as it stands: it imports, and each tag is the row that it came from."""

from __future__ import annotations

import pytest

from registry.catalogue import Template, templates
from registry.offers import offered_rules, offered_tags, tags_of
from registry.plan import compile_plan
from registry.presets import resolved
from registry.remarks import presets_taken
from tests.unit.registry.templated import templated, warnings

WITH_ROWS = [one for one in templates().values() if one.instruments]


@pytest.mark.parametrize("template", WITH_ROWS, ids=lambda one: one.code)
def test_the_rows_offered_import_without_a_fault_and_find_their_own_row(template: Template) -> None:
    merged = templated(
        template.code,
        offered_tags(template, "E", "S").csv,
        rules=offered_rules(template, "E", "S").csv,
    )
    for instrument in template.instruments:
        for code in tags_of(instrument, "S"):
            taken = resolved(merged.site, merged.site.tags[f"E/{code}"])[1]
            assert taken is not None
            assert (taken.row, taken.columns) == (instrument.role, ())
    assert len(merged.site.rules) == len(template.rules)
    assert len(compile_plan(merged.site).rules) == len(template.rules)
    told = [text for text in warnings(merged) if "has no limits of its own" not in text]
    assert [text for text in told if "substance: is empty" not in text] == []


@pytest.mark.parametrize("template", WITH_ROWS, ids=lambda one: one.code)
def test_every_instrument_has_a_note_that_says_how_far_its_figures_can_be_trusted(template: Template) -> None:
    notes = offered_tags(template, "E", "S").notes
    assert len(notes) == len(template.instruments)
    marks = ("confirmed", "from memory", "design value", "no alarms")
    assert all(note.partition(": ")[2].startswith(marks) for note in notes)


def test_emergencies_are_named() -> None:
    notes = (*offered_tags(templates()["T05"], "E", "S").notes, *offered_rules(templates()["T04"], "E", "S").notes)
    assert any("HH is an emergency" in note for note in notes)
    assert any("an emergency" in note for note in notes if note.startswith("S-CL2X2"))


def test_a_check_tells_which_row_each_tag_is_and_what_it_took() -> None:
    rows = "E,S,S.LTB,level,m,\nE,S,S.X,level,mm,\nE,S,S.WS,wind_speed,m/s,none\nE,S,S.Y,level,m,\n"
    merged = templated("T01", f"enterprise,source,tag,kind,unit,h\n{rows}")
    assert list(presets_taken(merged.site)) == [
        (
            "E/S.LTB: T01 LT-B: hh 12.9, description 独立液位 Independent level, gauge B, deadband 0.05, on_delay_s 3, "
            "off_delay_s 60, priority 1"
        ),
        "E/S.X: no row of T01 for certain",
        "E/S.WS: T01 WS: description 风速 Wind speed, deadband 1, on_delay_s 60, off_delay_s 300, priority 4",
    ]
