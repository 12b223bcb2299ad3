"""What the platform says of itself, and on which points."""

from __future__ import annotations

import pytest

from hazardwatch.watch import SILENT_MS, RoleStatus, batch, judge
from registry.platform import numbered
from registry.site import Site

NOW = 1_767_225_600_000
ALL = ("ingest", "engine", "historian", "notifier", "api")
WELL = {role: RoleStatus(NOW - 500) for role in ALL}


def bad(statuses: dict[str, RoleStatus], *, used: float = 10, sync_ms: float = 0.5) -> set[str]:
    judged = judge(now_ms=NOW, statuses=statuses, used_percent=used, sync_ms=sync_ms)
    return {tag for tag, is_bad in judged.items() if is_bad}


def test_a_well_platform_says_so_of_everything_it_can_know() -> None:
    judged = judge(now_ms=NOW, statuses=WELL, used_percent=10, sync_ms=0.5)
    assert set(judged) == {"disk", "sync", "database", "engine-lag", *ALL}
    assert not any(judged.values())


@pytest.mark.parametrize("role", ALL)
def test_a_silent_role_is_missing(role: str) -> None:
    assert bad({**WELL, role: RoleStatus(NOW - SILENT_MS - 1)}) == {role}
    assert bad({name: status for name, status in WELL.items() if name != role}) == {role}


@pytest.mark.parametrize(
    ("role", "status", "tag"),
    [
        ("historian", RoleStatus(NOW, degraded=("database",)), "database"),
        ("notifier", RoleStatus(NOW, degraded=("channel",)), "notifier"),
        ("engine", RoleStatus(NOW, lag_ms=6_000), "engine-lag"),
    ],
)
def test_a_role_that_cannot_do_its_work_says_why(role: str, status: RoleStatus, tag: str) -> None:
    assert bad({**WELL, role: status}) == {tag}


def test_a_full_disk_and_a_slow_one() -> None:
    assert bad(WELL, used=95) == {"disk"}
    assert bad(WELL, sync_ms=50) == {"sync"}


def test_readings_go_to_the_points_that_the_site_gave_them() -> None:
    site = numbered(Site(version=3))
    message = batch(site, {"disk": True, "api": False, "no-such": True}, NOW)
    assert message is not None
    ids = site.platform_ids
    assert dict(zip(message.points.tolist(), message.values.tolist(), strict=True)) == {
        ids["platform/disk"]: 1.0,
        ids["platform/api"]: 0.0,
    }
    assert message.registry == 3
    assert message.gateways.tolist() == [-1]
    assert message.hashes.tolist() == [0]  # so that the same again is never taken for a repeat
    assert set(message.t_ms.tolist()) == {NOW}


def test_nothing_is_said_before_there_is_a_site() -> None:
    assert batch(Site(), {"disk": True}, NOW) is None
