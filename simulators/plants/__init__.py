"""Physics: each plant goes forward by `step` and shows what its instruments would."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from simulators.incident import Incident
from simulators.plants.reactor import Reactor
from simulators.plants.tank import Tank


class Plant(Protocol):
    """What every plant of an incident can do."""

    now: datetime

    def step(self, dt_s: float) -> None:
        """Goes forward by so many seconds."""

    def values(self) -> dict[str, float | None]:
        """What the instruments show now, by the last part of their tag."""


def plant_of(incident: Incident, seed: int) -> Plant:
    """The plant of an accident as it was when it began; the same seed gives the same noise."""
    return Tank(incident, seed) if incident.plant == "tank" else Reactor(incident, seed)
