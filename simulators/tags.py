"""The site's own CSV files to the tags that a gateway has to send."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "registry" / "demo"
LEVELS = ("ll", "l", "h", "hh")


@dataclass(frozen=True, slots=True)
class Tag:
    """One row of tags.csv, as far as an instrument knows it."""

    enterprise: str
    gateway: str
    source: str
    tag: str
    kind: str
    period_s: float
    limits: dict[str, float]
    on_delay_s: float


def read(folder: Path) -> list[Tag]:
    """Every tag of the site; a tag without a gateway is sent by the first of its enterprise."""
    gateways: dict[str, str] = {}
    for row in _rows(folder / "gateways.csv"):
        gateways.setdefault(row["enterprise"], row["code"])
    return [
        Tag(
            row["enterprise"],
            row.get("gateway") or gateways[row["enterprise"]],
            row["source"],
            row["tag"],
            row["kind"],
            float(row.get("period_s") or 60),
            {level: float(row[level]) for level in LEVELS if row.get(level)},
            float(row.get("on_delay_s") or 0),
        )
        for row in _rows(folder / "tags.csv")
        if row["enterprise"] in gateways
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as content:
        return list(csv.DictReader(content))
