"""A site of one source that names a template, for the tests of presets and gas limits."""

from __future__ import annotations

from registry.merge import Merged, merge
from registry.plan import point_settings
from registry.presets import resolved
from registry.site import Site, Tag

HEADER = "enterprise,source,tag,kind,unit"


def templated(template: str, tags: str, *, rules: str = "") -> Merged:
    """`tags` is the whole tags.csv of source S of enterprise E."""
    files = {
        "regions.csv": "code,name\nR,Region\n",
        "enterprises.csv": "code,name,region\nE,Works,R\n",
        "sources.csv": f"enterprise,code,name,template\nE,S,Source,{template}\n",
        "tags.csv": tags,
    } | ({"rules.csv": rules} if rules else {})
    return merge(Site(), {name: text.encode() for name, text in files.items()})


def one(template: str, columns: str, cells: str) -> Merged:
    """The site whose one tag has these columns and cells."""
    return templated(template, f"enterprise,source,{columns}\nE,S,{cells}\n")


def in_force(merged: Merged) -> Tag:
    (tag,) = merged.site.tags.values()
    return resolved(merged.site, tag)[0]


def row(merged: Merged) -> str:
    (tag,) = merged.site.tags.values()
    taken = resolved(merged.site, tag)[1]
    assert taken is not None
    return taken.row


def alarms(merged: Merged) -> dict[str, float]:
    """Level -> limit, as the engine is told."""
    (tag,) = merged.site.tags.values()
    return {level: alarm.limit for level, alarm in point_settings(merged.site, tag).alarms.items()}


def warnings(merged: Merged) -> list[str]:
    return [str(warning) for warning in merged.warnings]
