"""Physics: each plant goes forward by `step` and shows what its instruments would, or what is true inside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from simulators.incident import Incident, IncidentError
from simulators.plants.dams import Liquefied, Overtopped
from simulators.plants.freezer import Freezer
from simulators.plants.machines import CooledReactor, DustCollector, Refrigeration, Switchboard
from simulators.plants.reactor import Reactor
from simulators.plants.storage import ChlorineStore, GasHolder, GasolineTank, HydrogenStore, RefrigeratedTank, Sphere
from simulators.plants.tank import Tank
from simulators.plants.terminal import Terminal
from simulators.plants.weather import Sky, TailingsDam, Warehouse


class Plant(Protocol):
    """What every plant of an incident can do."""

    now: datetime

    def step(self, dt_s: float) -> None:
        """Goes forward by so many seconds."""

    def values(self) -> dict[str, float | None]:
        """What the instruments show now, by the last part of their tag."""


class OrdinaryPlant(Protocol):
    """What every plant of an ordinary day can do."""

    def step(self, dt_s: float) -> None:
        """Goes forward by so many seconds."""

    def truths(self) -> dict[str, float]:
        """What is true inside, by the last part of the tags that would show it."""


ORDINARY: dict[str, Callable[[Sky, random.Random], OrdinaryPlant]] = {  # by the source's template
    "T01": GasolineTank,
    "T02": Sphere,
    "T03": RefrigeratedTank,
    "T04": ChlorineStore,
    "T05": Refrigeration,
    "T06": CooledReactor,
    "T07": GasHolder,
    "T08": HydrogenStore,
    "T09": Warehouse,
    "T10": Warehouse,
    "T11": TailingsDam,
    "T12": Switchboard,
    "T13": DustCollector,
}


PLANTS: dict[str, Callable[[Incident, int, datetime], Plant]] = {  # by the incident's plant
    "tank": Tank,
    "reactor": Reactor,
    "freezer": Freezer,
    "terminal": Terminal,
    "overtopped": Overtopped,
    "liquefied": Liquefied,
}


def plant_of(incident: Incident, seed: int, since: datetime | None = None) -> Plant:
    """The plant of an accident as it was when it began, or at an earlier moment; the same seed gives the same noise."""
    made = PLANTS.get(incident.plant)
    if made is None:
        raise IncidentError(f"{incident.name}: there is no plant {incident.plant!r}; there are {', '.join(PLANTS)}")
    return made(incident, seed, since or incident.begins)
