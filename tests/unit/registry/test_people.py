"""Who may do what, and whose enterprises he sees."""

from __future__ import annotations

import pytest

from registry.people import LEAST_ROLE, ROLES, Action, Person, Role, admits, admitted, is_within, may, scope_fault
from registry.platform import with_platform
from tests.unit.registry.sites import small_site


def test_every_action_has_a_least_role_and_each_role_may_what_lesser_ones_may() -> None:
    assert set(LEAST_ROLE) == set(Action)
    for action in Action:
        allowed = [may(Person("p", role), action) for role in ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        (Role.VIEWER, Action.VIEW, True),
        (Role.VIEWER, Action.ACKNOWLEDGE, False),
        (Role.OPERATOR, Action.ACKNOWLEDGE, True),
        (Role.OPERATOR, Action.OUT_OF_SERVICE, False),
        (Role.SUPERVISOR, Action.OUT_OF_SERVICE, True),
        (Role.SUPERVISOR, Action.CHANGE_LIMITS, False),
        (Role.ENGINEER, Action.CHANGE_LIMITS, True),
        (Role.ENGINEER, Action.MANAGE_PEOPLE, False),
        (Role.ADMIN, Action.MANAGE_PEOPLE, True),
    ],
)
def test_roles(role: Role, action: Action, allowed: bool) -> None:
    assert may(Person("p", role), action) is allowed


def test_what_touches_the_whole_site_needs_the_whole_site() -> None:
    assert may(Person("p", Role.ENGINEER), Action.IMPORT_SITE)
    assert not may(Person("p", Role.ENGINEER, region="P"), Action.IMPORT_SITE)
    assert may(Person("p", Role.ENGINEER, region="P"), Action.CHANGE_LIMITS)


@pytest.mark.parametrize(
    ("region", "enterprise", "seen"),
    [
        ("", "", {"E", "X", "platform"}),
        ("P", "", {"E", "X"}),
        ("K", "", {"E", "X"}),
        ("ELSEWHERE", "", set()),
        ("", "E", {"E"}),
        ("P", "X", {"X"}),
        ("ELSEWHERE", "E", set()),
    ],
)
def test_a_scope_is_a_region_with_those_below_and_an_enterprise(region: str, enterprise: str, seen: set[str]) -> None:
    site = with_platform(small_site())
    person = Person("p", Role.VIEWER, region, enterprise)
    assert admitted(person, site) == seen
    assert not (person.region and admits(person, site, "UNKNOWN"))


def test_regions_lie_within_those_above_them() -> None:
    site = small_site()
    assert is_within(site, "K", "P")
    assert is_within(site, "K", "K")
    assert not is_within(site, "P", "K")
    assert not is_within(site, "NOWHERE", "P")


def test_a_scope_must_exist() -> None:
    assert scope_fault(small_site(), "P", "E") is None
    assert scope_fault(small_site(), "Q", "") == "there is no region Q"
    assert scope_fault(small_site(), "", "Q") == "there is no enterprise Q"
