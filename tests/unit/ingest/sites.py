"""A small site: two gateways in one enterprise, one of them with a tag of its own, and one that replays."""

from __future__ import annotations

from registry.platform import numbered
from registry.site import Enterprise, Gateway, Region, Site, Source, Tag


def tag(number: int, name: str, *, enterprise: str = "E1", gateway: str = "") -> Tag:
    return Tag(enterprise, "TF1", name, "level", "m", gateway=gateway, h=80.0, id=number)


def small_site() -> Site:
    tags = [
        tag(1, "A"),
        tag(2, "B"),
        tag(3, "C"),
        tag(4, "ONLY1", gateway="GW1"),
        tag(5, "ONLY2", gateway="GW2"),
        tag(6, "A", enterprise="EX"),
    ]
    gateways = [
        Gateway("E1", "GW1", id=1),
        Gateway("E1", "GW2", offline_after_s=5, id=2),
        Gateway("EX", "GW1", clock="source", id=3),
    ]
    site = Site(
        version=3,
        regions={"R": Region("R", "Region")},
        enterprises={"E1": Enterprise("E1", "One", "R"), "EX": Enterprise("EX", "Drill", "R", exercise=True)},
        sources={"E1/TF1": Source("E1", "TF1", "Tanks"), "EX/TF1": Source("EX", "TF1", "Tanks")},
        gateways={f"{one.enterprise}/{one.code}": one for one in gateways},
        tags={f"{one.enterprise}/{one.tag}": one for one in tags},
        next_id=100,
        next_gateway_id=4,
    )
    return numbered(site)
