"""The type of a rule to the inputs and parameters that it takes, and a row of rules.csv to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Found = tuple[str, str]  # column, text


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; `least` is what it must be above (or at least, where `may_equal`)."""

    required: bool = False
    least: float | None = None
    may_equal: bool = False


@dataclass(frozen=True, slots=True)
class RuleType:
    """`inputs` matches each role that may be given; of `one_of` (several sets) at least one role or parameter must."""

    inputs: re.Pattern[str]
    must: tuple[str, ...]
    params: Mapping[str, Param]
    example: str
    example_params: str
    least_inputs: int = 1
    one_of: tuple[str, ...] = ()
    check: Callable[[Mapping[str, float]], str | None] | None = None


ABOVE = Param(required=True, least=0.0)
OPTIONAL_ABOVE = Param(least=0.0)
AT_LEAST_0 = Param(least=0.0, may_equal=True)
ANY = re.compile(r"[a-z][a-z0-9_]*")


def _rate(params: Mapping[str, float]) -> str | None:
    for side in ("rise", "fall"):
        if side in params and params.get("deadband", 0.0) >= params[side]:
            return f"deadband {params['deadband']:g} must be below {side} {params[side]:g}, or it would never return"
    if params.get("min_span_s", 0.0) >= params["window_s"]:
        return f"min_span_s {params['min_span_s']:g} must be below window_s {params['window_s']:g}"
    return None


def _deadband(params: Mapping[str, float]) -> str | None:
    if params.get("deadband", 0.0) >= params["limit"]:
        return f"deadband {params['deadband']:g} must be below limit {params['limit']:g}, or it would never return"
    return None


def _vote(params: Mapping[str, float]) -> str | None:
    if "high" in params and "low" in params:
        return "a VOTE rule has high or low, not both; make two rules"
    if params["votes"] != int(params["votes"]):
        return f"votes {params['votes']:g} must be a whole number"
    return None


RULE_TYPES: Mapping[str, RuleType] = MappingProxyType(
    {
        "FLAT": RuleType(
            inputs=re.compile("flow|level"),
            must=("flow", "level"),
            params={"flow_min": Param(required=True), "noise": ABOVE, "minutes": ABOVE},
            example="flow=TAG;level=TAG",
            example_params="flow_min=50;noise=0.003;minutes=5",
        ),
        "RATE": RuleType(
            inputs=re.compile("value"),
            must=("value",),
            params={
                "window_s": ABOVE,
                "rise": OPTIONAL_ABOVE,
                "fall": OPTIONAL_ABOVE,
                "deadband": AT_LEAST_0,
                "per_s": OPTIONAL_ABOVE,
                "min_samples": Param(least=2.0, may_equal=True),
                "min_span_s": AT_LEAST_0,
            },
            example="value=TAG",
            example_params="window_s=300;rise=3;fall=3;deadband=0.3;per_s=60",
            one_of=("rise", "fall"),
            check=_rate,
        ),
        "DEV": RuleType(
            inputs=re.compile("[ab]"),
            must=("a", "b"),
            params={"limit": ABOVE, "deadband": AT_LEAST_0},
            example="a=TAG;b=TAG",
            example_params="limit=0.2;deadband=0.02",
            check=_deadband,
        ),
        "BALANCE": RuleType(
            inputs=re.compile("level|(in|out)[0-9]*"),
            must=("level",),
            params={
                "area": ABOVE,
                "minutes": ABOVE,
                "limit": ABOVE,
                "deadband": AT_LEAST_0,
                "per_s": OPTIONAL_ABOVE,
            },
            example="level=TAG;in=TAG;out=TAG",
            example_params="area=490;minutes=10;limit=80;deadband=20;per_s=3600",
            least_inputs=2,
            check=_deadband,
        ),
        "DISC": RuleType(
            inputs=re.compile("command|feedback"),
            must=("command", "feedback"),
            params={"seconds": Param(required=True, least=0.0, may_equal=True), "tolerance": OPTIONAL_ABOVE,
                    "inverse": AT_LEAST_0},
            example="command=TAG;feedback=TAG",
            example_params="seconds=5",
        ),
        "VOTE": RuleType(
            inputs=ANY,
            must=(),
            params={"votes": Param(required=True, least=1.0, may_equal=True), "high": Param(), "low": Param(),
                    "deadband": AT_LEAST_0},
            example="a=TAG;b=TAG;c=TAG",
            example_params="votes=2;high=25;deadband=3",
            least_inputs=2,
            one_of=("high", "low"),
            check=_vote,
        ),
        "STALE": RuleType(inputs=ANY, must=(), params={}, example="value=TAG", example_params=""),
        "COMM": RuleType(inputs=ANY, must=(), params={}, example="a=TAG;b=TAG", example_params=""),
    }
)  # fmt: skip


def faults_of(kind: str, inputs: Mapping[str, str], params: Mapping[str, float]) -> Iterator[Found]:
    """What is wrong with the inputs and parameters of a rule of that type, column by column."""
    known = RULE_TYPES[kind]
    yield from _inputs(kind, known, inputs)
    names = [name for name in params if name not in known.params]
    missing = [name for name, param in known.params.items() if param.required and name not in params]
    if known.one_of and not any(name in params for name in known.one_of):
        missing.append(" or ".join(known.one_of))
    if names:
        yield "params", f"a {kind} rule has no parameter {names[0]}; it has {_listed(known)}"
    if missing:
        yield "params", f"a {kind} rule needs {', '.join(missing)}: {known.example_params}"
    if names or missing:
        return
    for name, value in params.items():
        if (why := _bound(name, value, known)) is not None:
            yield "params", why
            return
    why = None if known.check is None else known.check(params)
    if why is None and kind == "VOTE" and params["votes"] > len(inputs):
        why = f"votes {params['votes']:g} can never be reached with {len(inputs)} inputs"
    if why is not None:
        yield "params", why


def _inputs(kind: str, known: RuleType, inputs: Mapping[str, str]) -> Iterator[Found]:
    wrong = [role for role in inputs if not known.inputs.fullmatch(role)]
    missing = [role for role in known.must if role not in inputs]
    if wrong or missing or len(inputs) < known.least_inputs:
        yield "inputs", f"a {kind} rule has the inputs {_roles(known)}: {known.example}"


def _roles(known: RuleType) -> str:
    if known.inputs is ANY:
        return "that you name" if known.least_inputs == 1 else f"that you name, at least {known.least_inputs}"
    if known.must == ("level",):
        return "level and in, in2 … or out, out2 …"
    return " and ".join(known.must)


def _listed(known: RuleType) -> str:
    return ", ".join(known.params) if known.params else "none"


def _bound(name: str, value: float, known: RuleType) -> str | None:
    param = known.params[name]
    if param.least is None or value > param.least or (param.may_equal and value == param.least):
        return None
    least = f"at least {param.least:g}" if param.may_equal else f"more than {param.least:g}"
    example = f", as in {known.example_params}" if name in known.example_params else ""
    return f"{name} must be {least}{example}"
