"""What a simulated instrument says at one moment."""

from __future__ import annotations

from typing import NamedTuple

GOOD, UNCERTAIN, BAD = 192, 64, 0


class Reading(NamedTuple):
    """`t_ms` in Unix milliseconds; `value` None where the instrument gives none; quality by the OPC convention."""

    t_ms: int
    tag: str
    value: float | None
    quality: int = GOOD
