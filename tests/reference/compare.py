"""What two implementations say of one vector in, the first difference out."""

from __future__ import annotations

from typing import Any

from tests.reference.point import Point

OMITTED = {"ann": False, "cascade": False, "late": False}  # fields that need not be written when they say nothing


def unlike(expected: dict[str, Any], event: dict[str, Any]) -> list[str]:
    """The fields of `expected` that `event` does not have alike."""
    return [name for name, value in expected.items() if event.get(name, OMITTED.get(name)) != value]


def difference(point: Point | str, engine: dict[str, Any]) -> str | None:
    """Where the engine says something else than the reference, in all fields that the reference gives."""
    if isinstance(point, str) or "refused" in engine:
        both = isinstance(point, str) and "refused" in engine
        return None if both else f"refused by one only: {point if isinstance(point, str) else engine['refused']}"
    events = engine["events"]
    agreed = len(point.events) if point.disputed is None else point.disputed
    for place, expected in enumerate(point.events[:agreed]):
        event = events[place] if place < len(events) else {}
        if wrong := unlike(expected, event):
            return f"event {place}, {wrong}: the rules {expected}, the engine {event}"
    if point.disputed is None and events[agreed:]:
        return f"the engine says more: {events[agreed:]}"
    if point.disputed is None and point.final() != engine["final"]:
        return f"the rules end in {point.final()}, the engine in {engine['final']}"
    return None
