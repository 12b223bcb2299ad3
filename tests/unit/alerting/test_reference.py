"""The engine against the slow reference of the same rules, on the golden vectors and on random histories."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.replay import run_vectors
from tests.reference import run
from tests.reference.compare import difference, unlike
from tests.reference.histories import random_settings, random_vector
from tests.reference.point import Point
from tests.reference.vectors import play

GOLDEN = json.loads(Path("tests/vectors/alarm_vectors.json").read_text())["vectors"]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

# How often the bulk of random histories must reach what is easily missed, or it proves too little.
REACHED = {
    "on-delay pending over a restart": 10,
    "off-delay pending over a restart": 10,
    "samples waiting over a restart": 20,
    "off-delay restarted after bad": 200,
    "HH raises H": 200,
    "acts at a newer time": 100,
    "re-alarm": 200,
    "late raise told after all": 5,
    "shelve expired": 100,
    "shelve returned": 15,
    "latch reset": 20,
    "SET while pending": 30,
}
SAID = {
    "LATE": 300,
    "LATE_VIOLATION": 50,
    "FUTURE": 10,
    "STALE": 300,
    "ACK": 200,
    "SUPPRESSED": 30,
    "UNSUPPRESSED": 10,
    "OOS": 20,
    "IN_SERVICE": 5,
}


@pytest.mark.parametrize("vector", GOLDEN, ids=[vector["id"] for vector in GOLDEN])
def test_the_reference_says_what_the_golden_vectors_expect(vector: dict[str, Any]) -> None:
    (result,) = run([vector])
    assert ("refused" in result) == vector.get("invalid_config", False)
    if "refused" in result:
        return
    assert len(result["events"]) == len(vector["expect"]), result["events"]
    for expected, event in zip(vector["expect"], result["events"], strict=True):
        assert not unlike(expected, event), event
    assert result["final"] == vector["final"]


@QUICK
@given(st.randoms(use_true_random=False), st.integers(1, 25))
def test_the_engine_says_of_any_history_what_the_reference_says(chance: Random, steps: int) -> None:
    vector = random_vector(chance, "R", steps)
    assert difference(play(vector), run_vectors([vector])[0]) is None, json.dumps(vector)


def test_the_engine_says_of_many_histories_at_once_what_the_reference_says_of_each() -> None:
    vectors = [random_vector(Random(number), f"R{number}", 100) for number in range(300)]  # noqa: S311  the same each time
    seen = agree(vectors)
    assert seen["disputed"] < len(vectors) / 10, seen
    assert {what: seen[what] for what in (*REACHED, *SAID) if seen[what] < {**REACHED, **SAID}[what]} == {}


def agree(vectors: list[dict[str, Any]]) -> Counter[str]:
    """Engine and reference say the same; what the histories reached."""
    seen: Counter[str] = Counter()
    for vector, result in zip(vectors, run_vectors(vectors), strict=True):
        point = play(vector)
        assert difference(point, result) is None, json.dumps(vector)
        if isinstance(point, Point):
            seen += point.seen
            seen["disputed"] += point.disputed is not None
            seen.update(event["ev"] for event in point.events[: point.disputed])
    return seen


def test_engine_and_reference_refuse_the_same_settings() -> None:
    chance = Random(1)  # noqa: S311
    vectors = [random_settings(chance, f"R{number}") for number in range(1500)]
    mine, theirs = run(vectors), run_vectors(vectors)
    unalike = [v for v, a, b in zip(vectors, mine, theirs, strict=True) if ("refused" in a) != ("refused" in b)]
    assert unalike == []
    refused = sum("refused" in result for result in mine)
    assert 300 < refused < 1200


# The reference itself keeps the properties: it could otherwise share a fault with the engine.


@QUICK
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(-(10**11), 10**11))
def test_the_reference_knows_no_hour(chance: Random, steps: int, by: int) -> None:
    vector = random_vector(chance, "R", steps)
    moved = [
        {**event, **{name: event[name] - by for name in ("t", "since", "until") if name in event}}
        for event in run([shifted(vector, by)])[0]["events"]
    ]
    assert moved == run([vector])[0]["events"]


def shifted(vector: dict[str, Any], by: int) -> dict[str, Any]:
    start = vector["point"]["start_t"]
    point = {**vector["point"], "start_t": None if start is None else start + by}
    steps = []
    for step in vector["steps"]:
        later = {name: step[name] + by for name in ("at", "tick", "t", "until") if name in step}
        if "s" in step:
            later["s"] = [step["s"][0] + by, *step["s"][1:]]
        steps.append({**step, **later})
    return {**vector, "point": point, "steps": steps}


MIRROR = {"HH": "LL", "H": "L", "LL": "HH", "L": "H", "POINT": "POINT"}


@QUICK
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_the_reference_knows_no_side(chance: Random, steps: int) -> None:
    vector = random_vector(chance, "R", steps)
    if any(level in vector["alarms"] for level in ("LL", "L")) and any(
        level in vector["alarms"] for level in ("HH", "H")
    ):
        return  # the high side comes first inside an instant
    events = run([mirrored(vector)])[0]["events"]
    assert [{**event, "alarm": MIRROR[event["alarm"]], **negated(event, "v")} for event in events] == run([vector])[0][
        "events"
    ]


def mirrored(vector: dict[str, Any]) -> dict[str, Any]:
    alarms = {MIRROR[level]: {**alarm, "limit": -alarm["limit"]} for level, alarm in vector["alarms"].items()}
    steps = []
    for step in vector["steps"]:
        if "s" in step:
            t, v, q = step["s"]
            steps.append({**step, "s": [t, -float(v), q]})
        elif "cmd" in step:
            values = {"values": {**step["values"], **negated(step["values"], "limit")}} if "values" in step else {}
            steps.append({**step, "alarm": MIRROR[step["alarm"]], **values})
        else:
            steps.append(step)
    return {**vector, "alarms": alarms, "steps": steps}


def negated(fields: dict[str, Any], name: str) -> dict[str, float]:
    return {name: -fields[name]} if name in fields else {}


@QUICK
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_the_life_of_an_alarm_is_never_broken_in_the_reference(chance: Random, steps: int) -> None:
    vector = random_vector(chance, "R", steps)
    active: dict[str, bool] = {}
    newest: dict[str, float] = {}
    lost = False
    events = run([vector])[0]["events"]
    for place, event in enumerate(events):
        level, ev = event["alarm"], event["ev"]
        if ev in ("BAD", "STALE", "GOOD"):
            lost = ev != "GOOD"
        if ev in ("ACTIVE", "RTN"):
            assert active.get(level, False) == (ev == "RTN")
            active[level] = ev == "ACTIVE"
            assert not (ev == "RTN" and lost)
            assert event["since"] <= event["t"]
            assert event["t"] >= newest.get(level, -math.inf)
            newest[level] = event["t"]
        for outer, inner in (("HH", "H"), ("LL", "L")):
            if active.get(outer) and inner in vector["alarms"] and not active.get(inner):
                assert (level, events[place + 1]["alarm"], events[place + 1]["ev"]) == (outer, inner, "ACTIVE")
