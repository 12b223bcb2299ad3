"""The newest stored reading of many points at once: for those that nobody remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.database import Database, queries


@dataclass(frozen=True, slots=True)
class Stored:
    """A point's newest stored reading; `value` None where it had none."""

    point: int
    t: datetime
    value: float | None
    quality: int
    received_at: datetime


async def latest(database: Database, points: Sequence[int]) -> list[Stored]:
    """One row for each point of which any reading is kept; Away while there is no database."""
    return await database.rows(Stored, queries("ingest", "history.sql")["latest"], points=list(points))
