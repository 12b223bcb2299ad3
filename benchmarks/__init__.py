"""Each file is one command that measures; a figure stands beside its limit, as a row of docs/performance.md."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "| figure | measured | limit | ratio |\n| --- | --- | --- | --- |"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; `limit` is met where `value` lies on its better side."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = True

    def row(self) -> str:
        if self.limit is None:
            return f"| {self.name} | {self.value:,.2f} {self.unit} | | |"
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        sign = ">=" if self.at_least else "<="
        ratio = self.value / self.limit
        word = "met" if met else "MISSED"
        measured, limit = f"{self.value:,.2f} {self.unit}", f"{sign} {self.limit:,.2f} {self.unit}"
        return f"| {self.name} | {measured} | {limit} | {ratio:.2f} {word} |"
