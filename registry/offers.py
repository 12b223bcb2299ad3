"""A template to the rows of tags.csv and rules.csv that fit it, for an engineer to copy, with what he must know."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.catalogue import Instrument, OfferedRule, Template
from registry.columns import SHEETS, show

MARKS = {
    "C": "confirmed against a reading of the source",
    "M": "from memory, not confirmed: configuration, not the standard's",
    "D": "design value: no standard says so",
}
RULE_COLUMNS = (
    "enterprise", "source", "rule", "type", "inputs", "params", "priority", "on_delay_s", "off_delay_s", "latch"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offered:
    """Rows of one file as CSV, and a note for each that needs one."""

    csv: str
    notes: tuple[str, ...]


def offered_tags(template: Template, enterprise: str, source: str) -> Offered:
    """A row for each instrument; of several alike, one each with its number."""
    used = {name for row in template.instruments for name in row.presets}
    columns = ["enterprise", "source", "tag", "kind", "unit", "description", "substance", "range_lo", "range_hi"]
    sheet = next(sheet for sheet in SHEETS if sheet.file == "tags.csv")
    columns += [column.name for column in sheet.columns if column.name in used and column.name not in columns]
    rows = []
    for row in template.instruments:
        for tag in tags_of(row, source):
            own = {"enterprise": enterprise, "source": source, "tag": tag, "kind": row.kind, "unit": row.units[0]}
            own |= {"substance": row.substance, "range_lo": show(row.range_lo), "range_hi": show(row.range_hi)}
            own |= {name: show(value) for name, value in row.presets.items()}
            rows.append(own)
    return Offered(_csv(columns, rows), tuple(_said(row) for row in template.instruments))


def offered_rules(template: Template, enterprise: str, source: str) -> Offered:
    """A row for each rule, its inputs named as `offered_tags` names them."""
    tags = {row.role: tags_of(row, source) for row in template.instruments}
    rows = [
        {
            **rule.cells,
            "enterprise": enterprise,
            "source": source,
            "rule": f"{source}-{rule.rule}",
            "inputs": _inputs(rule, tags),
        }
        for rule in template.rules
    ]
    return Offered(_csv(RULE_COLUMNS, rows), tuple(_notes(template.rules, source)))


def tags_of(row: Instrument, source: str) -> list[str]:
    """The codes of the instruments of one row: `SOURCE.GD1`, `SOURCE.GD2`."""
    if row.count == 1:
        return [f"{source}.{row.letters}"]
    return [f"{source}.{row.letters}{number}" for number in range(1, row.count + 1)]


def _inputs(rule: OfferedRule, tags: dict[str, list[str]]) -> str:
    """`value=PT1` is the first instrument of the row PT."""
    found = []
    for part in rule.cells["inputs"].split(";"):
        name, _, role = part.partition("=")
        own = tags.get(role)
        if own is None:
            stem = role.rstrip("0123456789")
            own = [tags[stem.rstrip("-")][int(role[len(stem) :]) - 1]]
        found.append(f"{name}={own[0]}")
    return ";".join(found)


def _said(row: Instrument) -> str:
    has_figures = row.give or any(name != "description" for name in row.presets)
    known_by = ", ".join(sorted(row.codes) + [f'"{word}"' for word in row.words])
    parts = [f"{row.role}: {MARKS[row.mark] if has_figures else 'no alarms'}", f"known by {known_by}"]
    if row.normal:
        parts.append(f"normally {row.normal}")
    if row.give:
        parts.append("give " + ", ".join(f"{name} ({what})" for name, what in row.give.items()))
    if row.emergency:
        parts.append(f"{', '.join(row.emergency)} is an emergency")
    if row.source:
        parts.append(row.source)
    return "; ".join(parts)


def _notes(rules: Sequence[OfferedRule], source: str) -> Iterator[str]:
    for rule in rules:
        said = [rule.note] if rule.note else []
        said += ["an emergency"] if rule.emergency else []
        if said:
            yield f"{source}-{rule.rule}: {'; '.join(said)}"


def _csv(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
