"""A small site for the tests of this room, as the files that a spreadsheet would hold."""

from __future__ import annotations

from registry.faults import SiteFaults
from registry.merge import Merged, merge
from registry.site import Site

FILES = {
    "regions.csv": "code,name,parent\nP,Province,\nC,City,P\nK,County,C\n",
    "enterprises.csv": "code,name,region,exercise\nE,Works,K,false\nX,Drill,K,true\n",
    "sources.csv": "enterprise,code,name\nE,S,Tank\nX,S,Tank\n",
    "gateways.csv": "enterprise,code,clock\nE,GW1,wall\nX,GW1,source\n",
    "tags.csv": (
        "enterprise,source,tag,kind,unit,gateway,range_lo,range_hi,l,h,hh\n"
        "E,S,S.LT,level,m,GW1,0,10,1,8,9\nE,S,S.FI,flow,m3/h,,0,100,,,\nX,S,S.LT,level,m,,0,10,,8,\n"
    ),
    "rules.csv": (
        "enterprise,source,rule,type,inputs,params\n"
        "E,S,S-FLAT,FLAT,flow=S.FI;level=S.LT,flow_min=50;noise=0.003;minutes=5\n"
    ),
    "contacts.csv": "name,channel,region\nShift,json://127.0.0.1/told,K\n",
}


def with_files(site: Site = Site(), *, prune: bool = False, **files: str) -> Merged:  # noqa: B008  frozen
    """A merge of files given as `tags="..."`."""
    return merge(site, {f"{name}.csv": text.encode() for name, text in files.items()}, prune=prune)


def small_site() -> Site:
    return merge(Site(), {name: text.encode() for name, text in FILES.items()}).site


def faults(files: dict[str, str], site: Site = Site(), *, prune: bool = False) -> list[str]:  # noqa: B008  frozen
    """The faults of a merge, in order; none where it is sound."""
    try:
        merge(site, {f"{name}.csv": text.encode() for name, text in files.items()}, prune=prune)
    except SiteFaults as error:
        return [str(fault) for fault in error.faults]
    return []
