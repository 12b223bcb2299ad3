"""A site to what the engine works with: every point, rule and gateway with its defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

from msgspec.structs import replace

from registry import defaults
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings, RuleSettings
from registry.platform import is_platform, with_platform
from registry.presets import in_force
from registry.site import LEVELS, NONE, LevelOverride, Rule, Site, Tag

T = TypeVar("T")

RULE_PRIORITY = 2  # of a rule that names none
NO_OVERRIDE = LevelOverride()


class NoDeadband(ValueError):  # noqa: N818  what is missing
    """A tag with limits whose kind needs a span for its deadband, and which has neither span nor deadband."""


def compile_plan(site: Site, *, max_future_ms: int | None = None) -> Plan:
    """The plan of a checked site. `max_future_ms` is None on the platform, where ingest shifts impossible times."""
    whole = with_platform(site)
    points = [point_settings(whole, tag, max_future_ms=max_future_ms) for tag in whole.tags.values()]
    rules = [rule_settings(whole, rule) for rule in whole.rules.values()]
    gateways = [
        GatewaySettings(gateway.id, gateway.enterprise, gateway.code, source_clock=gateway.clock == "source")
        for gateway in whole.gateways.values()
    ]
    return Plan(
        site.version,
        tuple(sorted(points, key=lambda point: point.id)),
        tuple(sorted(rules, key=lambda rule: rule.id)),
        tuple(sorted(gateways, key=lambda gateway: gateway.id)),
    )


def compile_part(site: Site, keys: Set[str]) -> Plan:
    """The plan of some tags ("enterprise/tag") alone, with the rules that have one of them as an input.

    The other inputs of these rules are points without alarms of their own.
    """
    whole = with_platform(site)
    rules = [rule for rule in whole.rules.values() if not keys.isdisjoint(_inputs(rule))]
    inputs = {key for rule in rules for key in _inputs(rule)}
    asked = [point_settings(whole, whole.tags[key]) for key in keys]
    others = [replace(point_settings(whole, whole.tags[key]), alarms={}) for key in inputs - keys]
    return Plan(
        site.version,
        tuple(sorted([*asked, *others], key=lambda point: point.id)),
        tuple(sorted((rule_settings(whole, rule) for rule in rules), key=lambda rule: rule.id)),
    )


def _inputs(rule: Rule) -> set[str]:
    return {f"{rule.enterprise}/{tag}" for tag in rule.inputs.values()}


def point_settings(site: Site, tag: Tag, *, max_future_ms: int | None = None) -> PointSettings:
    """One tag with its alarms, the presets of its template filled in; NoDeadband where no default can be had.

    May still be refused (alarms.refusal).
    """
    tag = in_force(site, tag)
    return PointSettings(
        id=tag.id,
        enterprise=tag.enterprise,
        source=tag.source,
        tag=tag.tag,
        unit=tag.unit,
        exercise=_is_exercise(site, tag.enterprise),
        stale_ms=None if is_platform(tag) else _ms(defaults.stale_s(tag)),  # the platform speaks when something changes
        timer_lag_ms=defaults.TIMER_LAG_MS,
        max_future_ms=max_future_ms,
        alarms={level: _alarm(tag, level, limit) for level in LEVELS if (limit := _limit(tag, level)) is not None},
    )


def rule_settings(site: Site, rule: Rule) -> RuleSettings:
    """One rule with its inputs as point ids."""
    priority = RULE_PRIORITY if rule.priority is None else rule.priority
    return RuleSettings(
        id=rule.id,
        enterprise=rule.enterprise,
        source=rule.source,
        rule=rule.rule,
        type=rule.type,
        inputs={role: site.tags[f"{rule.enterprise}/{tag}"].id for role, tag in rule.inputs.items()},
        params=rule.params,
        alarm=AlarmSettings(
            limit=1.0,
            on_delay_ms=_ms(rule.on_delay_s or 0.0) + rule_delay_ms(rule.params),
            off_delay_ms=_ms(rule.off_delay_s or 0.0),
            latch=bool(rule.latch),
            ack_rtn=defaults.ack_on_return(priority),
            realarm_ms=defaults.REALARM_MS.get(priority),
            priority=priority,
        ),
        exercise=_is_exercise(site, rule.enterprise),
    )


def rule_delay_ms(params: Mapping[str, float]) -> int:
    """What a DISC rule's `seconds` add to the on-delay of its alarm: how long command and feedback may differ."""
    return _ms(params.get("seconds", 0.0))


def _alarm(tag: Tag, level: str, limit: float) -> AlarmSettings:
    own = tag.overrides.get(level, NO_OVERRIDE)
    priority = _first(own.priority, tag.priority, defaults.priority(tag.kind, level))
    return AlarmSettings(
        limit=limit,
        deadband=_deadband(tag, own),
        on_delay_ms=_ms(_first(own.on_delay_s, tag.on_delay_s, defaults.on_delay_s(tag.kind, level))),
        off_delay_ms=_ms(_first(own.off_delay_s, tag.off_delay_s, defaults.off_delay_s(tag.kind))),
        latch=_first(own.latch, tag.latch, defaults.latch(tag.kind, level)),
        ack_rtn=_first(own.ack_on_return, tag.ack_on_return, defaults.ack_on_return(priority)),
        realarm_ms=defaults.REALARM_MS.get(priority),
        on_bad=_first(own.on_bad, tag.on_bad, "hold"),
        priority=priority,
    )


def _deadband(tag: Tag, own: LevelOverride) -> float:
    given = own.deadband if own.deadband is not None else tag.deadband
    value = given if given is not None else defaults.deadband(tag)
    if value is None:
        raise NoDeadband(
            f"a {tag.kind} in {tag.unit or 'no unit'} has no default deadband without a range; "
            "give deadband, or range_lo and range_hi"
        )
    return value


def _limit(tag: Tag, level: str) -> float | None:
    match level:
        case "HH":
            limit = tag.hh
        case "H":
            limit = tag.h
        case "L":
            limit = tag.l
        case _:
            limit = tag.ll
    return None if limit == NONE else limit


def _first(own: T | None, tag: T | None, default: T) -> T:
    if own is not None:
        return own
    return default if tag is None else tag


def _is_exercise(site: Site, enterprise: str) -> bool:
    found = site.enterprises.get(enterprise)
    return found is not None and found.exercise


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
