"""Rows of rules.csv: what each type needs, and how it says so."""

from __future__ import annotations

import pytest

from registry.ruletypes import RULE_TYPES, faults_of


def pairs(text: str) -> dict[str, str]:
    return dict(part.split("=") for part in text.split(";")) if text else {}


def faults(kind: str, inputs: str, params: str) -> list[tuple[str, str]]:
    return list(faults_of(kind, pairs(inputs), {name: float(value) for name, value in pairs(params).items()}))


@pytest.mark.parametrize("kind", RULE_TYPES)
def test_the_example_in_each_message_is_itself_right(kind: str) -> None:
    known = RULE_TYPES[kind]
    assert faults(kind, known.example, known.example_params) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "params", "fault"),
    [
        ("RATE", "value=T", "window_s=60", "needs rise or fall"),
        ("RATE", "value=T", "rise=1", "needs window_s"),
        ("RATE", "value=T", "window_s=0;rise=1", "window_s must be more than 0"),
        ("RATE", "value=T", "window_s=60;rise=1;min_samples=1", "min_samples must be at least 2"),
        ("RATE", "value=T", "window_s=60;rise=1;deadband=1", "deadband 1 must be below rise 1"),
        ("RATE", "value=T", "window_s=60;fall=-1", "fall must be more than 0"),
        ("RATE", "value=T", "window_s=60;rise=1;min_span_s=60", "min_span_s 60 must be below window_s 60"),
        ("RATE", "value=T", "window_s=60;rise=1;speed=3", "a RATE rule has no parameter speed; it has window_s, rise"),
        ("DEV", "a=T", "limit=1", "a DEV rule has the inputs a and b: a=TAG;b=TAG"),
        ("DEV", "a=T;b=U", "limit=1;deadband=2", "deadband 2 must be below limit 1"),
        ("BALANCE", "level=T", "area=1;minutes=1;limit=1", "a BALANCE rule has the inputs level and in, in2"),
        ("BALANCE", "level=T;inflow=U", "area=1;minutes=1;limit=1", "a BALANCE rule has the inputs level and in, in2"),
        ("BALANCE", "in=T;out=U", "area=1;minutes=1;limit=1", "a BALANCE rule has the inputs level and in, in2"),
        ("DISC", "command=T;feedback=U", "seconds=-1", "seconds must be at least 0"),
        ("VOTE", "a=T", "votes=1;high=1", "at least 2: a=TAG"),
        ("VOTE", "a=T;b=U", "votes=3;high=1", "votes 3 can never be reached with 2 inputs"),
        ("VOTE", "a=T;b=U", "votes=1.5;high=1", "votes 1.5 must be a whole number"),
        ("VOTE", "a=T;b=U", "votes=1;high=1;low=0", "high or low, not both"),
        ("VOTE", "a=T;b=U", "votes=1", "needs high or low"),
        ("STALE", "", "", "a STALE rule has the inputs that you name: value=TAG"),
        ("COMM", "a=T", "minutes=5", "a COMM rule has no parameter minutes; it has none"),
    ],
)
def test_what_is_wrong_is_said_once_with_what_would_be_right(kind: str, inputs: str, params: str, fault: str) -> None:
    (found,) = faults(kind, inputs, params)
    assert fault in found[1]


def test_a_balance_may_have_many_flows() -> None:
    assert faults("BALANCE", "level=T;in=A;in2=B;out=C;out12=D", "area=1;minutes=1;limit=1") == []
