"""A JSON file to what shall be simulated: broker, gateways and their secrets, site, accidents, speed, faults."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.gateway import Account
from simulators.tags import DEMO

PLAYED = ("buncefield", "t2-laboratories")
SPEED = 60.0


class ConfigError(Exception):
    """The configuration cannot be played."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the broker is, who the gateways are, and what to play how fast; `begins` overrides the accident's file."""

    host: str
    port: int
    accounts: list[Account]
    site: Path = DEMO
    incidents: tuple[str, ...] = PLAYED
    speed: float = SPEED
    begins: str | None = None
    seed: int = 1
    faults: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)  # by ENTERPRISE/GATEWAY
    memory: Path | None = None  # remembers which day was played last

    @classmethod
    def read(cls, path: Path, *, speed: str | None = None, begins: str | None = None) -> Config:
        """The file; what is given beside it goes first."""
        try:
            content: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return cls(
                content["mqtt"]["host"],
                int(content["mqtt"]["port"]),
                [Account(**one) for one in content["gateways"]],
                site=Path(content.get("site", DEMO)),
                incidents=tuple(content.get("incidents", PLAYED)),
                speed=factor(speed if speed is not None else content.get("speed", SPEED)),
                begins=begins or content.get("begins"),
                seed=int(content.get("seed", 1)),
                faults=content.get("faults", {}),
                memory=path.with_name("simulators-memory.json"),
            )
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        except KeyError as error:
            raise ConfigError(f"{path}: {error.args[0]} is missing") from error
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error


def factor(speed: float | str) -> float:
    """How many seconds of an accident pass in one of ours: 1 or more, or `max`."""
    if speed == "max":
        return math.inf
    try:
        found = float(speed)
    except ValueError:
        found = 0.0
    if not found >= 1:  # slower, a gateway would fall silent for so long that its timers run out
        raise ConfigError(f"speed: {speed} is neither a number from 1 nor max")
    return found
