"""Files merged into a site: what stays, what changes, what is retired, and ids that are never used twice."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import registry
from registry.columns import KINDS, OF_A_LEVEL
from registry.csvfiles import cell, read_folder, read_zip
from registry.faults import SiteFaults
from registry.merge import export, export_zip, merge
from registry.site import Contact, LevelOverride, Region, Site, Tag
from tests.unit.registry.sites import FILES, small_site, with_files

HEADER = "enterprise,source,tag,kind,unit"


def test_import_makes_rows_and_counts_them() -> None:
    merged = merge(Site(), {name: text.encode() for name, text in FILES.items()})
    assert merged.is_change
    assert merged.counts["tags.csv"].added == 3
    tag = merged.site.tags["E/S.LT"]
    assert (tag.kind, tag.gateway, tag.h, tag.ll, tag.period_s) == ("level", "GW1", 8.0, None, 60)
    assert merged.site.rules["E/S-FLAT"].inputs == {"flow": "S.FI", "level": "S.LT"}
    assert merged.site.enterprises["X"].exercise


def test_the_same_files_again_change_nothing() -> None:
    site = small_site()
    again = merge(site, {name: text.encode() for name, text in FILES.items()})
    assert not again.is_change
    assert again.site == site


def test_rows_files_and_columns_that_are_left_out_stay() -> None:
    site = small_site()
    merged = with_files(site, tags=f"{HEADER},h\nE,S,S.LT,level,m,7.5\n")
    assert merged.counts["tags.csv"].changed == 1
    assert merged.site.tags["E/S.LT"] == msgspec.structs.replace(site.tags["E/S.LT"], h=7.5)
    assert merged.site.tags["E/S.FI"] == site.tags["E/S.FI"]
    assert merged.site.rules == site.rules


def test_an_empty_cell_takes_the_default() -> None:
    merged = with_files(small_site(), tags=f"{HEADER},h,hh,gateway,period_s\nE,S,S.LT,level,m,,,,\n")
    tag = merged.site.tags["E/S.LT"]
    assert (tag.h, tag.hh, tag.gateway, tag.period_s) == (None, None, "", 60)


def test_a_column_with_a_level_in_front_overrides_that_level() -> None:
    columns = "h_priority,hh_on_delay_s,ll_deadband,h_latch,l_on_bad"
    site = with_files(small_site(), tags=f"{HEADER},{columns}\nE,S,S.LT,level,m,1,3,0.1,true,alarm\n").site
    assert site.tags["E/S.LT"].overrides == {
        "H": LevelOverride(priority=1, latch=True),
        "HH": LevelOverride(on_delay_s=3),
        "L": LevelOverride(on_bad="alarm"),
        "LL": LevelOverride(deadband=0.1),
    }
    emptied = with_files(site, tags=f"{HEADER},h_priority,h_latch\nE,S,S.LT,level,m,,\n").site
    assert set(emptied.tags["E/S.LT"].overrides) == {"HH", "L", "LL"}


def test_ids_are_never_used_twice() -> None:
    site = small_site()
    ids = [tag.id for tag in site.tags.values()] + [rule.id for rule in site.rules.values()]
    ids += site.platform_ids.values()
    assert len(set(ids)) == len(ids)
    assert site.next_id == max(ids) + 1
    keep = FILES["tags.csv"].replace("E,S,S.FI,flow,m3/h,,0,100,,,\n", "")
    pruned = with_files(site, tags=keep, rules=FILES["rules.csv"].splitlines()[0], prune=True)
    assert pruned.counts["tags.csv"].retired == ("E/S.FI",)
    assert pruned.counts["rules.csv"].retired == ("E/S-FLAT",)
    assert pruned.site.next_id == site.next_id
    back = with_files(pruned.site, tags=FILES["tags.csv"]).site
    assert back.tags["E/S.FI"].id == site.next_id
    assert back.tags["E/S.LT"].id == site.tags["E/S.LT"].id


def test_a_new_gateway_gets_an_id_and_points_for_its_absence_and_its_clock() -> None:
    site = small_site()
    merged = with_files(site, gateways="enterprise,code\nE,GW2\n").site
    assert merged.gateways["E/GW2"].id == site.next_gateway_id
    new = set(merged.platform_ids) - set(site.platform_ids)
    assert new == {"E/platform.offline.GW2", "E/platform.clock.GW2"}
    assert {merged.platform_ids[key] for key in new} == {site.next_id, site.next_id + 1}


def test_a_gateway_that_is_retired_takes_its_points_along() -> None:
    site = with_files(small_site(), gateways="enterprise,code\nE,GW2\n").site
    pruned = with_files(site, gateways=FILES["gateways.csv"], prune=True).site
    assert "E/platform.offline.GW2" not in pruned.platform_ids
    back = with_files(pruned, gateways="enterprise,code\nE,GW2\n").site
    assert back.gateways["E/GW2"].id == site.next_gateway_id
    assert back.platform_ids["E/platform.offline.GW2"] == site.next_id


def test_nothing_is_retired_without_prune_or_in_files_that_are_absent() -> None:
    site = small_site()
    assert with_files(site, contacts="name,channel\n").site == site
    assert with_files(site, contacts="name,channel\n", prune=True).site == msgspec.structs.replace(site, contacts={})


def test_faults_leave_everything_as_it_was() -> None:
    site = small_site()
    with pytest.raises(SiteFaults):
        with_files(site, regions="code,name\nNEW,New\n", tags=f"{HEADER}\nE,S,BAD TAG,level,m\n")
    assert site == small_site()


def test_the_demo_site_has_no_fault_and_comes_back_from_its_zip() -> None:
    files = read_folder(Path(registry.__file__).parent / "demo")
    site = merge(Site(), files).site
    assert len(site.sources) >= 14
    assert len({site.enterprises[source.enterprise].region for source in site.sources.values()}) >= 3
    assert {source.template for source in site.sources.values()} == {f"T{number:02}" for number in range(1, 15)}
    assert not site.contacts
    assert merge(Site(), read_zip(export_zip(site))).site == site
    assert export_zip(site) == export_zip(site)


def test_an_export_names_every_column_and_only_the_overrides_in_use() -> None:
    header = export(small_site())["tags.csv"].decode("utf-8-sig").splitlines()[0]
    assert header.endswith("stale_s,on_bad")
    site = with_files(small_site(), tags=f"{HEADER},h_priority\nE,S,S.LT,level,m,1\n").site
    assert export(site)["tags.csv"].decode("utf-8-sig").splitlines()[0].endswith("stale_s,on_bad,h_priority")


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(cell)
CODE = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,5}", fullmatch=True).filter(lambda code: code.lower() != "platform")
NUMBER = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
POSITIVE = st.floats(0.001, 1e6)
BOOL = st.none() | st.booleans()
OVERRIDE = st.builds(
    LevelOverride,
    deadband=st.none() | st.floats(0, 1e6).map(abs),
    on_delay_s=st.none() | POSITIVE,
    off_delay_s=st.none() | POSITIVE,
    latch=BOOL,
    ack_on_return=BOOL,
    priority=st.none() | st.integers(1, 4),
    on_bad=st.sampled_from([None, "hold", "alarm"]),
).filter(lambda override: override != LevelOverride())


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Sites of one source whose tags have anything in their cells, limits left to the tests of references."""
    site = with_files(
        Site(),
        regions="code,name\nR,Region\n",
        enterprises="code,name,region\nE,Works,R\n",
        sources="enterprise,code,name\nE,S,Source\n",
    ).site
    tags = {}
    for number in range(draw(st.integers(0, 4))):
        code = draw(st.from_regex(r"[!$%&()*,.:;<=>?@A-Za-z0-9_~^-]{1,8}", fullmatch=True)) + str(number)
        tags[f"E/{code}"] = Tag(
            "E",
            "S",
            code,
            draw(st.sampled_from(KINDS)),
            draw(TEXT.filter(bool)),
            description=draw(TEXT),
            substance=draw(TEXT),
            period_s=draw(POSITIVE),
            range_lo=draw(st.none() | st.floats(-1e9, 0)),
            range_hi=draw(st.none() | st.floats(1, 1e9)),
            h=draw(st.none() | NUMBER),
            deadband=draw(st.floats(0, 1e6).map(abs)),
            latch=draw(BOOL),
            priority=draw(st.none() | st.integers(1, 4)),
            stale_s=draw(st.none() | POSITIVE),
            overrides=draw(st.dictionaries(st.sampled_from(["H", "HH", "L", "LL"]), OVERRIDE)),
            id=number + 1,
        )
    contacts = {
        name: Contact(name, f"json://{draw(CODE)}/x", role=draw(TEXT), escalate_after_s=draw(POSITIVE))
        for name in draw(st.lists(TEXT.filter(bool), max_size=2, unique=True))
    }
    regions = {
        code: Region(code, draw(TEXT.filter(bool)), "R") for code in draw(st.lists(CODE, max_size=2)) if code != "R"
    }
    return msgspec.structs.replace(site, tags=tags, contacts=contacts, regions={**site.regions, **regions})


@settings(max_examples=60, deadline=None)
@given(sites())
def test_an_export_imported_again_changes_nothing(site: Site) -> None:
    merged = merge(site, read_zip(export_zip(site)))
    assert not merged.is_change
    assert merged.site.tags == site.tags
    assert merged.site.contacts == site.contacts
    assert merged.site.regions == site.regions


def test_every_field_of_an_override_has_its_column() -> None:
    assert tuple(OF_A_LEVEL) == LevelOverride.__struct_fields__
