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
    unit: str
    period_s: float
    limits: dict[str, float]
    on_delay_s: float
    range: tuple[float, float] | None = None
    template: str = ""

    @property
    def last(self) -> str:
        """The part of the tag that says which instrument of its source it is."""
        return self.tag.rpartition(".")[2]


def read(folder: Path) -> list[Tag]:
    """Every tag of the site; a tag without a gateway is sent by the first of its enterprise."""
    sources = folder / "sources.csv"
    templates = {
        (row["enterprise"], row["code"]): row.get("template") or ""
        for row in (_rows(sources) if sources.exists() else ())
    }
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
            row.get("unit") or "",
            float(row.get("period_s") or 60),
            {level: float(row[level]) for level in LEVELS if row.get(level) and row[level].lower() != "none"},
            float(row.get("on_delay_s") or 0),
            (float(row["range_lo"]), float(row["range_hi"])) if row.get("range_lo") and row.get("range_hi") else None,
            templates.get((row["enterprise"], row["source"]), ""),
        )
        for row in _rows(folder / "tags.csv")
        if row["enterprise"] in gateways
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as content:
        return list(csv.DictReader(content))
