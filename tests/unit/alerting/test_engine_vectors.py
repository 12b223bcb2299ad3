"""The golden vectors: each alone, and all together as points of one engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
