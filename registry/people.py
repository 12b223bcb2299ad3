"""A person's role and scope to what he may do and see."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from registry.columns import CODE
from registry.site import Site


class Role(StrEnum):
    """Each may all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Action(StrEnum):
    """What somebody can ask of the platform."""

    VIEW = "view"
    ACKNOWLEDGE = "acknowledge"  # and comment, and reset a latch
    SHELVE = "shelve"
    SUPPRESS = "suppress"
    OUT_OF_SERVICE = "out-of-service"
    SEE_REJECTS = "see-rejects"
    CHANGE_LIMITS = "change-limits"
    REPLAY_REJECTS = "replay-rejects"
    IMPORT_SITE = "import-site"
    EXPORT_SITE = "export-site"  # holds the channels of contacts, which may hold secrets
    MANAGE_PEOPLE = "manage-people"
    MANAGE_CREDENTIALS = "manage-credentials"


LEAST_ROLE = {
    Action.VIEW: Role.VIEWER,
    Action.ACKNOWLEDGE: Role.OPERATOR,
    Action.SHELVE: Role.OPERATOR,
    Action.SEE_REJECTS: Role.OPERATOR,
    Action.SUPPRESS: Role.SUPERVISOR,
    Action.OUT_OF_SERVICE: Role.SUPERVISOR,
    Action.CHANGE_LIMITS: Role.ENGINEER,
    Action.REPLAY_REJECTS: Role.ENGINEER,
    Action.IMPORT_SITE: Role.ENGINEER,
    Action.EXPORT_SITE: Role.ENGINEER,
    Action.MANAGE_PEOPLE: Role.ADMIN,
    Action.MANAGE_CREDENTIALS: Role.ADMIN,
}
ROLES = tuple(Role)
WHOLE_SITE = frozenset({Action.IMPORT_SITE, Action.EXPORT_SITE, Action.MANAGE_PEOPLE, Action.MANAGE_CREDENTIALS})


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who asks: a user, or a program with a token.

    Region (with those below) and enterprise narrow what he sees; both empty: all.
    """

    name: str
    role: Role
    region: str = ""
    enterprise: str = ""

    @property
    def is_unscoped(self) -> bool:
        return not (self.region or self.enterprise)


def may(person: Person, action: Action) -> bool:
    """Whether the role allows it; what touches the whole site also needs a scope that is not narrowed."""
    if action in WHOLE_SITE and not person.is_unscoped:
        return False
    return ROLES.index(person.role) >= ROLES.index(LEAST_ROLE[action])


def admits(person: Person, site: Site, enterprise: str) -> bool:
    """Whether the person's scope holds an enterprise; the platform's own is for people without a scope."""
    if person.enterprise and person.enterprise != enterprise:
        return False
    if not person.region:
        return True
    found = site.enterprises.get(enterprise)
    return found is not None and is_within(site, found.region, person.region)


def admitted(person: Person, site: Site) -> frozenset[str]:
    """The codes of all enterprises that the person's scope holds."""
    return frozenset(code for code in site.enterprises if admits(person, site, code))


def is_within(site: Site, region: str, above: str) -> bool:
    """Whether a region is `above` or lies below it."""
    for _ in range(len(site.regions) + 1):
        if region == above:
            return True
        found = site.regions.get(region)
        if found is None or not found.parent:
            return False
        region = found.parent
    return False


def name_fault(name: str) -> str | None:
    """Why this cannot be somebody's name, or None."""
    return None if CODE.fullmatch(name) else "use 1 to 64 of A-Z a-z 0-9 _ - for a name, the first a letter or digit"


def scope_fault(site: Site, region: str, enterprise: str) -> str | None:
    """Why this is no scope, or None."""
    if region and region not in site.regions:
        return f"there is no region {region}"
    if enterprise and enterprise not in site.enterprises:
        return f"there is no enterprise {enterprise}"
    return None
