"""The engine against the slow reference for long: a hundred times the histories of every test run."""

from __future__ import annotations

import os
from random import Random

from tests.reference.histories import random_vector
from tests.unit.alerting.test_reference import REACHED, agree

ROUNDS = int(os.environ.get("HAZARDWATCH_REFERENCE_ROUNDS", "100"))


def test_the_engine_says_of_very_many_histories_what_the_reference_says() -> None:
    reached = dict.fromkeys(REACHED, 0)
    for number in range(ROUNDS):
        chance = Random(10_000 + number)  # noqa: S311  the same histories each time
        steps = chance.choice((15, 60, 240))
        seen = agree([random_vector(chance, f"R{number}.{place}", steps) for place in range(30_000 // steps)])
        for what in reached:
            reached[what] += seen[what]
    print(f"\n{ROUNDS} rounds of 30,000 steps: {reached}")
    assert min(reached.values()) >= 5 * ROUNDS
