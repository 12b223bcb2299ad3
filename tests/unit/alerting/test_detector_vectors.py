"""The rules beyond limits against golden vectors: alone, all in one engine, cut and restarted anywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from alerting.engine import Engine
from alerting.events import Event
from alerting.replay import QUALITIES, readings_batch
from line.messages import Batch
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings, RuleSettings
from registry.plan import rule_delay_ms

VECTORS = json.loads(Path("tests/vectors/detector_vectors.json").read_bytes())["vectors"]
IDS = [vector["id"] for vector in VECTORS]
Step = tuple[int, int, dict[str, Any]]  # engine's clock, number of the vector, what happens


class Plant:
    """So many vectors as one plan: the points of vector n are of enterprise n."""

    def __init__(self, numbers: list[int]) -> None:
        self.ids: dict[tuple[int, str], int] = {}
        points: list[PointSettings] = []
        rules: list[RuleSettings] = []
        for number in numbers:
            vector = VECTORS[number]
            for tag, settings in vector["points"].items():
                self.ids[number, tag] = len(self.ids)
                own = {**settings, "id": self.ids[number, tag], "enterprise": f"E{number}", "source": "S", "tag": tag}
                points.append(msgspec.convert(own, PointSettings))
        for number in numbers:
            rules.append(self._rule(number, len(self.ids) + len(rules)))
        gateways = tuple(GatewaySettings(number, f"E{number}", "G") for number in numbers)
        self.plan = Plan(1, tuple(points), tuple(rules), gateways)
        self.numbers = numbers

    def _rule(self, number: int, identity: int) -> RuleSettings:
        rule = VECTORS[number]["rule"]
        params = {name: float(value) for name, value in rule["params"].items()}
        alarm = msgspec.convert({"limit": 1.0, **rule["alarm"]}, AlarmSettings)
        delay = alarm.on_delay_ms + rule_delay_ms(params)
        inputs = {role: self.ids[number, tag] for role, tag in rule["inputs"].items()}
        return RuleSettings(
            identity, f"E{number}", "S", "RULE", rule["type"], inputs, params,
            msgspec.structs.replace(alarm, on_delay_ms=delay),
        )  # fmt: skip

    def batch(self, steps: list[Step]) -> Batch:
        rows = [(number, step["s"]) for _, number, step in steps]
        times = np.array([row[1] for _, row in rows], np.int64)
        return readings_batch(
            gateways=np.array([number for number, _ in rows], np.int32),
            at_ms=times,
            message=np.arange(len(rows), dtype=np.int32),
            points=np.array([self.ids[number, row[0]] for number, row in rows], np.int32),
            t_ms=times,
            values=np.array([np.nan if row[2] is None else row[2] for _, row in rows], np.float64),
            qualities=np.array([QUALITIES[row[3]] for _, row in rows], np.uint8),
        )

    def play(
        self, *, cut: Callable[[], bool] = lambda: True, restart: Callable[[], bool] = lambda: False
    ) -> dict[int, list[Event]]:
        """The events of each rule. Samples in a row are one batch up to where `cut` says so."""
        engine = Engine(self.plan, per_sample_late=True)
        said: list[Event] = []
        held: list[Step] = []
        steps = sorted((step for number in self.numbers for step in steps_of(number)), key=lambda step: step[0])
        for clock, number, step in [*steps, (0, -1, {})]:
            if held and (number < 0 or "tick" in step or cut()):
                said += engine.apply(self.batch(held), held[-1][0])
                held = []
            if restart():
                engine = Engine.restore(engine.snapshot())
            if "tick" in step:
                own = [i for (owner, _), i in self.ids.items() if owner == number]
                own += [rule.id for rule in self.plan.rules if rule.enterprise == f"E{number}"]
                said += engine.advance(clock, own)
            elif step:
                held.append((clock, number, step))
        self.engine = engine
        events: dict[int, list[Event]] = {number: [] for number in self.numbers}
        for event in said:
            if event.tag == "RULE":
                events[int(event.enterprise[1:])].append(event)
        return events

    def final(self, number: int) -> str:
        (rule,) = [rule for rule in self.plan.rules if rule.enterprise == f"E{number}"]
        return self.engine.states(rule.id)[rule.type]


def steps_of(number: int) -> list[Step]:
    return [(step["tick"] if "tick" in step else step["s"][1], number, step) for step in VECTORS[number]["steps"]]


def check(plant: Plant, events: dict[int, list[Event]]) -> None:
    for number, found in events.items():
        vector = VECTORS[number]
        wanted = [{"alarm": vector["rule"]["type"], **event} for event in vector["events"]]
        told = [msgspec.to_builtins(event) for event in found]
        shown = [
            {name: pytest.approx(event.get(name)) if isinstance(event.get(name), float) else event.get(name)
             for name in (expected or {"alarm", "ev", "t"})}
            for event, expected in zip(told, wanted + [{}] * len(told), strict=False)
        ]  # fmt: skip
        assert shown == wanted, vector["id"]
        assert plant.final(number) == vector["final"], vector["id"]


@pytest.mark.parametrize("number", range(len(VECTORS)), ids=IDS)
def test_a_rule_says_what_its_vector_says(number: int) -> None:
    plant = Plant([number])
    check(plant, plant.play())


def test_all_vectors_in_one_engine_cut_and_restarted_anywhere() -> None:
    chance = random.Random(5)  # noqa: S311  where to cut
    for _ in range(10):
        plant = Plant(list(range(len(VECTORS))))
        check(plant, plant.play(cut=lambda: chance.random() < 0.3, restart=lambda: chance.random() < 0.05))


def test_every_vector_in_one_batch_between_its_ticks() -> None:
    plant = Plant(list(range(len(VECTORS))))
    check(plant, plant.play(cut=lambda: False))
