"""The site as engineers write it: rows of regions, enterprises, sources, gateways, tags, rules and contacts."""

from __future__ import annotations

from typing import Literal

import msgspec

LEVELS = ("HH", "H", "L", "LL")


NONE: Literal["none"] = "none"
Limit = float | Literal["none"] | None


class Region(msgspec.Struct, frozen=True, omit_defaults=True):
    code: str
    name: str
    parent: str = ""


class Enterprise(msgspec.Struct, frozen=True, omit_defaults=True):
    code: str
    name: str
    region: str
    address: str = ""
    lon: float | None = None
    lat: float | None = None
    exercise: bool = False


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    enterprise: str
    code: str
    name: str
    template: str = ""
    grade: str = ""
    lon: float | None = None
    lat: float | None = None


class Gateway(msgspec.Struct, frozen=True, omit_defaults=True):
    """`clock` is wall or source (R15); `id` is given at import and never used again for another."""

    enterprise: str
    code: str
    name: str = ""
    offline_after_s: float = 60
    clock: str = "wall"
    id: int = 0


class LevelOverride(msgspec.Struct, frozen=True, omit_defaults=True):
    """Columns with a level in front (`hh_priority`, `h_on_delay_s`); None means: as for the tag."""

    deadband: float | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    latch: bool | None = None
    ack_on_return: bool | None = None
    priority: int | None = None
    on_bad: str | None = None


class Tag(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of tags.csv; None and "" are empty cells, which take the presets of the source's template (presets.py)
    and the defaults of the kind. A limit of "none" is no such alarm, whatever the template says.

    `id` is the point id that readings carry on the line and in the database.
    """

    enterprise: str
    source: str
    tag: str
    kind: str
    unit: str
    description: str = ""
    substance: str = ""
    gateway: str = ""
    period_s: float = 60
    range_lo: float | None = None
    range_hi: float | None = None
    ll: Limit = None
    l: Limit = None  # noqa: E741  the column's name in the contract
    h: Limit = None
    hh: Limit = None
    deadband: float | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    latch: bool | None = None
    ack_on_return: bool | None = None
    priority: int | None = None
    stale_s: float | None = None
    on_bad: str | None = None
    overrides: dict[str, LevelOverride] = {}
    id: int = 0


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of rules.csv: `inputs` names tags of the enterprise by role; `id` shares the point ids of tags."""

    enterprise: str
    source: str
    rule: str
    type: str
    inputs: dict[str, str]
    params: dict[str, float] = {}
    priority: int | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    latch: bool | None = None
    id: int = 0


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """`channel` is an Apprise URL; it may hold a secret and never reaches a log."""

    name: str
    channel: str
    role: str = ""
    enterprise: str = ""
    region: str = ""
    min_priority: int = 4
    escalate_after_s: float = 0


class Site(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that exists, as one version; keys are those of the files. Retired rows are not here.

    `next_id` is the next free point id, `next_gateway_id` the next free gateway id: ids are never used twice.
    `platform_ids` holds the point ids of what the platform says of itself (platform.py), by the key of the tag.
    """

    version: int = 0
    made_at_ms: int = 0
    made_by: str = ""
    reason: str = ""
    regions: dict[str, Region] = {}
    enterprises: dict[str, Enterprise] = {}
    sources: dict[str, Source] = {}  # "enterprise/source"
    gateways: dict[str, Gateway] = {}  # "enterprise/gateway"
    tags: dict[str, Tag] = {}  # "enterprise/tag"
    rules: dict[str, Rule] = {}  # "enterprise/rule"
    contacts: dict[str, Contact] = {}  # name
    next_id: int = 1
    next_gateway_id: int = 1
    platform_ids: dict[str, int] = {}
