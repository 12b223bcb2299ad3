"""The golden vectors: each alone, and all together as points of one engine."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.replay import run_vectors

PATH = Path(__file__).parents[2] / "vectors" / "alarm_vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(PATH.read_text())["vectors"]


@pytest.fixture(scope="module")
def together() -> dict[str, dict[str, Any]]:
    return {result["id"]: result for result in run_vectors(VECTORS)}


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{vector['id']} {vector['name']}" for vector in VECTORS])
def test_each_vector_alone_and_among_the_others(vector: dict[str, Any], together: dict[str, dict[str, Any]]) -> None:
    (alone,) = run_vectors([vector])
    for result in (alone, together[vector["id"]]):
        if vector.get("invalid_config"):
            assert result["refused"]
            continue
        expected = vector["expect"]
        given = [
            {name: event.get(name) for name in wanted}
            for event, wanted in zip(result["events"], expected, strict=False)
        ]
        assert given == expected
        assert len(result["events"]) == len(expected)
        assert result["final"] == vector["final"]


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shuffled_and_restarted_anywhere_they_say_the_same(order: random.Random) -> None:
    shuffled = [{**vector, "steps": _restarted(vector["steps"], order)} for vector in VECTORS]
    order.shuffle(shuffled)
    assert sorted(run_vectors(shuffled), key=lambda result: str(result["id"])) == sorted(
        _alone(), key=lambda result: str(result["id"])
    )


def _restarted(steps: list[dict[str, Any]], order: random.Random) -> list[dict[str, Any]]:
    return [step for own in steps for step in ([{"restart": True}] if order.random() < 0.02 else []) + [own]]


@cache
def _alone() -> list[dict[str, Any]]:
    return [result for vector in VECTORS for result in run_vectors([vector])]
