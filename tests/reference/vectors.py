"""Vectors in the format of alarm_vectors.json in, what the rules say of each out."""

from __future__ import annotations

from typing import Any

from tests.reference.point import Point
from tests.reference.settings import alarm_config, fault, point_config


def run(vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each vector its events and final states, or why its settings are refused."""
    return [_result(vector["id"], play(vector)) for vector in vectors]


def play(vector: dict[str, Any]) -> Point | str:
    """The point after all steps, or why its settings are refused."""
    settings = point_config(vector.get("point", {}))
    alarms = {level: alarm_config(given) for level, given in vector["alarms"].items()}
    refused = fault(settings, alarms)
    if refused is not None:
        return refused
    point = Point(settings, alarms)
    for step in vector["steps"]:
        _feed(point, step)
    return point


def _result(name: str, point: Point | str) -> dict[str, Any]:
    if isinstance(point, str):
        return {"id": name, "refused": point}
    return {"id": name, "events": point.events, "final": point.final()}


def _feed(point: Point, step: dict[str, Any]) -> None:
    if "s" in step:
        t, v, q = step["s"]
        point.sample(t, float(v), q, step.get("at", t))
    elif "tick" in step:
        point.tick(step["tick"])
    elif "cmd" in step:
        point.command(step["cmd"], step["t"], step["alarm"], step)
    elif "restart" in step:
        point.restart()
    else:
        raise ValueError(step)
