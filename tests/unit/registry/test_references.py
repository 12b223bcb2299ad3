"""Every fault of an import, told with file, line, column and what would be right."""

from __future__ import annotations

import pytest

from tests.unit.registry.sites import FILES, faults, small_site

TAGS = "enterprise,source,tag,kind,unit"
RULES = "enterprise,source,rule,type,inputs,params"


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (
            {"regions": "code,name,parent\nZ,Zone,Y\n"},
            "regions.csv:2: parent: there is no region Y; there are C, K, P, Z",
        ),
        ({"regions": "code,name,parent\nZ,Zone,Z\n"}, "regions.csv:2: parent: Z lies inside itself"),
        ({"enterprises": "code,name,region\nN,New,Y\n"}, "enterprises.csv:2: region: there is no region Y"),
        (
            {"enterprises": "code,name,region\nplatform,X,K\n"},
            "enterprises.csv:2: code: codes that begin with platform",
        ),
        ({"enterprises": "code,name,region,lon\nN,New,K,200\n"}, "enterprises.csv:2: lon: 200 must be at least -180"),
        ({"sources": "enterprise,code,name\nN,S,Tank\n"}, "sources.csv:2: enterprise: there is no enterprise N"),
        ({"sources": "enterprise,code,name\nE,S,\n"}, "sources.csv:2: name: is empty; it is required"),
        ({"gateways": "enterprise,code,clock\nE,GW9,source\n"}, "gateways.csv:2: clock: source is only for drills"),
        ({"gateways": "enterprise,code,clock\nE,GW9,sun\n"}, "gateways.csv:2: clock: 'sun' is none of wall, source"),
        (
            {"gateways": "enterprise,code,offline_after_s\nE,G,0\n"},
            "gateways.csv:2: offline_after_s: 0 must be more than 0",
        ),
        ({"tags": f"{TAGS}\nN,S,T,other,x\n"}, "tags.csv:2: enterprise: there is no enterprise N; there are E, X"),
        ({"tags": f"{TAGS}\nE,S9,T,other,x\n"}, "tags.csv:2: source: E has no source S9"),
        ({"tags": f"{TAGS},gateway\nE,S,T,other,x,GW7\n"}, "tags.csv:2: gateway: E has no gateway GW7"),
        ({"tags": f"{TAGS}\nE,S,A B,other,x\n"}, "tags.csv:2: tag: 'A B' is no tag code"),
        ({"tags": f"{TAGS}\nE,S,T,heat,x\n"}, "tags.csv:2: kind: 'heat' is none of temperature, pressure"),
        ({"tags": f"{TAGS}\nE,S,T,level,\n"}, "tags.csv:2: unit: is empty; a level has a unit"),
        ({"tags": f"{TAGS},h\nE,S,T,other,x,high\n"}, "tags.csv:2: h: 'high' is no number"),
        (
            {"tags": f"{TAGS},range_lo,range_hi\nE,S,T,other,x,5,5\n"},
            "tags.csv:2: range_lo: 5 must be below range_hi 5",
        ),
        ({"tags": f"{TAGS},h,hh\nE,S,T,other,x,9,8\n"}, "tags.csv:2: hh: HH 8 must be above H 9"),
        ({"tags": f"{TAGS},l,ll\nE,S,T,other,x,1,2\n"}, "tags.csv:2: ll: LL 2 must be below L 1"),
        ({"tags": f"{TAGS},l,h,deadband\nE,S,T,other,x,1,2,1\n"}, "tags.csv:2: l: L clears only above 2"),
        ({"tags": f"{TAGS},h\nE,S,T,level,m,9\n"}, "tags.csv:2: deadband: a level in m has no default deadband"),
        ({"tags": f"{TAGS},deadband\nE,S,T,other,x,-1\n"}, "tags.csv:2: deadband: -1 must be at least 0"),
        ({"tags": f"{TAGS},hh_latch\nE,S,T,other,x,maybe\n"}, "tags.csv:2: hh_latch: 'maybe' is no yes or no"),
        (
            {"tags": f"{TAGS},colour\nE,S,T,other,x,red\n"},
            "tags.csv:1: colour: is no column of tags.csv; the columns are",
        ),
        ({"tags": "enterprise,source,tag,kind\nE,S,T,other\n"}, "tags.csv:1: unit: this required column is missing"),
        (
            {"tags": f"{TAGS}\nE,S,T,other,x\nE,S,T,other,y\n"},
            "tags.csv:3: tag: E/T stands on line 2 already; keep one",
        ),
        (
            {"rules": f"{RULES}\nE,S,R,RATE,x=S.LT,window_s=60;rise=1\n"},
            "rules.csv:2: inputs: a RATE rule has the inputs value: value=TAG",
        ),
        (
            {"rules": f"{RULES}\nE,S,R,FLAT,flow=S.FI;level=NO,flow_min=1;noise=1;minutes=1\n"},
            "rules.csv:2: inputs: level=NO: E has no tag NO",
        ),
        (
            {"rules": f"{RULES}\nE,S,R,FLAT,flow=S.FI,flow_min=1;noise=1;minutes=1\n"},
            "rules.csv:2: inputs: a FLAT rule has the inputs flow and level",
        ),
        (
            {"rules": "enterprise,source,rule,type,inputs\nE,S,R,FLAT,flow=S.FI;level=S.LT\n"},
            "rules.csv:2: params: a FLAT rule needs flow_min, noise, minutes",
        ),
        (
            {"rules": f"{RULES}\nE,S,R,FLAT,flow=S.FI;level=S.LT,flow_min=1;noise=0;minutes=1\n"},
            "rules.csv:2: params: noise must be more than 0",
        ),
        ({"contacts": "name,channel\nA,13800000000\n"}, "contacts.csv:2: channel: is no channel; write an Apprise URL"),
        ({"contacts": "name,channel,region\nA,json://h,Y\n"}, "contacts.csv:2: region: there is no region Y"),
        ({"contacts": "name,channel,min_priority\nA,json://h,5\n"}, "contacts.csv:2: min_priority: '5' is no priority"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_one_fault_is_told_once_and_where_it_stands(files: dict[str, str], fault: str) -> None:
    found = faults(files, small_site())
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_all_faults_are_told_at_once_and_none_follows_from_another() -> None:
    found = faults(
        {
            "regions": "code,name\nR,Region\n",
            "enterprises": "code,name,region\nE,Works,NO\n",
            "sources": "enterprise,code,name,lat\nE,S,Tank,100\n",
            "gateways": "enterprise,code,offline_after_s\nE,GW1,soon\n",
            "tags": f"{TAGS},gateway,h\nE,S,A,other,x,GW1,1\nE,S,B,nonsense,x,GW1,x\nE,S,A,other,x,,\n",
            "rules": "enterprise,source,rule,type,inputs\nE,S,R,FLAT,flow=A;level=B\n",
        }
    )
    assert [fault.partition(" ")[0] for fault in found] == [
        "enterprises.csv:2:",
        "gateways.csv:2:",
        "rules.csv:2:",
        "sources.csv:2:",
        "tags.csv:3:",
        "tags.csv:3:",
        "tags.csv:4:",
    ]


def test_a_loop_of_regions_is_told_for_each_region_in_it_and_not_for_those_below() -> None:
    found = faults({"regions": "code,name,parent\nA,a,B\nB,b,A\nC,c,A\n"})
    assert [fault.partition(" ")[0] for fault in found] == ["regions.csv:2:", "regions.csv:3:"]


def test_a_prune_that_leaves_rows_without_their_owner_is_refused_and_says_which() -> None:
    found = faults({"enterprises": "code,name,region\nE,Works,K\n"}, small_site(), prune=True)
    assert "sources.csv: enterprise: there is no enterprise X; there are E (X/S, which is in the registry)" in found
    assert all("in the registry" in fault for fault in found)


def test_a_rule_must_not_be_called_like_a_tag() -> None:
    found = faults(
        {"rules": FILES["rules.csv"].replace("S-FLAT", "SFI"), "tags": f"{TAGS}\nE,S,SFI,other,x\n"}, small_site()
    )
    assert [fault.partition(";")[0] for fault in found] == ["rules.csv:2: rule: SFI is a tag of E already"]


def test_an_enterprise_that_stops_being_an_exercise_must_first_lose_its_source_clocks() -> None:
    found = faults({"enterprises": "code,name,region,exercise\nX,Drill,K,false\n"}, small_site())
    assert [fault.partition(" is")[0] for fault in found] == ["gateways.csv: clock: source"]
