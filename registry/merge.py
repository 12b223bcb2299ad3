"""A site and the tables of an import to the merged site with its ids, or every fault there is; and back to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from registry.columns import OVERRIDES, SHEETS, Column, Sheet, show
from registry.csvfiles import Row, Table, table, to_csv, to_zip
from registry.faults import Fault, SiteFaults
from registry.platform import numbered
from registry.references import faults_of
from registry.remarks import warnings_of
from registry.site import LevelOverride, Site, Tag

ROW_FAULT = "row"  # the column of a fault that no single column has


class Count(msgspec.Struct, frozen=True):
    """What an import does to one file's rows; `retired` names those that a prune takes out of service."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: tuple[str, ...] = ()


class Merged(msgspec.Struct, frozen=True):
    """The site as it would be, what that changes, and what is no fault but should be looked at."""

    site: Site
    counts: dict[str, Count]
    warnings: tuple[Fault, ...] = ()

    @property
    def is_change(self) -> bool:
        return any(count.added or count.changed or count.retired for count in self.counts.values())


def merge(site: Site, files: Mapping[str, bytes], *, prune: bool = False) -> Merged:
    """What the site becomes with these files; SiteFaults with every fault where it would contradict itself.

    Rows merge by key; rows and columns that a file leaves out stay as they are, unless `prune` retires the rows.
    """
    return merge_tables(site, [table(name, data) for name, data in files.items()], prune=prune)


def merge_tables(site: Site, tables: list[Table], *, prune: bool = False) -> Merged:
    """As `merge`, of tables that are read already."""
    by_file = {read.file: read for read in tables}
    faults = [fault for read in tables for fault in read.faults]
    lines: dict[tuple[str, str], int] = {}
    faulty: set[tuple[str, str]] = set()
    rows: dict[str, dict[str, Any]] = {}
    counts: dict[str, Count] = {}
    for sheet in SHEETS:
        if sheet.file not in by_file or not by_file[sheet.file].columns:
            continue
        merging = _Merging(sheet, by_file[sheet.file], getattr(site, sheet.rows))
        rows[sheet.rows], counts[sheet.file] = merging.run(prune=prune and not faults)
        faults += merging.faults
        lines.update({(sheet.file, key): line for key, line in merging.lines.items()})
        faulty.update((sheet.file, key) for key in merging.faulty)
    merged = _identified(site, rows)
    faults += faults_of(merged, lines, faulty)
    if faults:
        raise SiteFaults(faults)
    return Merged(numbered(merged), counts, warnings_of(merged, lines))


class _Merging:
    """One table into the rows of its kind."""

    def __init__(self, sheet: Sheet, read: Table, before: Mapping[str, Any]) -> None:
        self.sheet, self.table, self.before = sheet, read, before
        self.lines: dict[str, int] = {}
        self.faulty: set[str] = set()
        self.faults: list[Fault] = []
        self.columns = {name: column for name in read.columns if (column := sheet.column(name)) is not None}
        self.defaults = _defaults(sheet)

    def run(self, *, prune: bool) -> tuple[dict[str, Any], Count]:
        """All rows after the merge, and what changed."""
        after = dict(self.before)
        added = changed = unchanged = 0
        if self._columns_are_known():
            for row in self.table.rows:
                key, new = self._row(row)
                if new is None or key is None:
                    continue
                old = self.before.get(key)
                after[key] = new
                added += old is None
                unchanged += old == new
                changed += old is not None and old != new
        absent = tuple(key for key in self.before if key not in self.lines) if prune and not self.faults else ()
        for key in absent:
            del after[key]
        return after, Count(added, changed, unchanged, absent)

    def _columns_are_known(self) -> bool:
        known = [column.name for column in self.sheet.columns]
        shown = [name for name in known if name not in OVERRIDES]
        for name in self.table.columns:
            if name and name not in known:
                self._fault(1, name, f"is no column of {self.sheet.file}; the columns are {', '.join(shown)}")
        missing = [
            column.name for column in self.sheet.columns if column.required and column.name not in self.table.columns
        ]
        for name in missing:
            self._fault(1, name, "this required column is missing; add it")
        return not missing

    def _row(self, row: Row) -> tuple[str | None, Any]:
        """The row's key and what it becomes; None where it has no key or is a repeat."""
        before = len(self.faults)
        values = self._values(row)
        if any(name not in values for name in self.sheet.key):
            return None, None
        key = "/".join(values[name] for name in self.sheet.key)
        if key in self.lines:
            self._fault(row.line, self.sheet.key[-1], f"{key} stands on line {self.lines[key]} already; keep one")
            return None, None
        self.lines[key] = row.line
        if len(self.faults) > before:
            self.faulty.add(key)
        return key, _built(self.sheet, self.defaults, self.before.get(key), values)

    def _values(self, row: Row) -> dict[str, Any]:
        """Column -> value, None where the cell is empty; cells that cannot be read are left out."""
        values: dict[str, Any] = {}
        for name, column in self.columns.items():
            cell = row.cells.get(name, "")
            if not cell:
                if column.required and not column.may_be_empty:
                    self._fault(row.line, name, "is empty; it is required")
                else:
                    values[name] = "" if column.required else None
                continue
            try:
                values[name] = column.parse(cell)
            except ValueError as error:
                self._fault(row.line, name, str(error))
        return values

    def _fault(self, line: int, column: str, text: str) -> None:
        self.faults.append(Fault(self.table.file, line, column, text))


def _built(sheet: Sheet, defaults: Mapping[str, Any], old: Any, values: dict[str, Any]) -> Any:
    """The row with these values; empty cells take the default of the type, columns not given keep what was."""
    fields = {
        name: defaults[name] if value is None else value for name, value in values.items() if name not in OVERRIDES
    }
    if sheet.row is Tag and any(name in OVERRIDES for name in values):
        fields["overrides"] = _overrides(old.overrides if old else {}, values)
    if old is not None:
        return msgspec.structs.replace(old, **fields)
    for column in sheet.columns:  # a cell that could not be read: the row is faulty, but what refers to it is not
        if column.required:
            fields.setdefault(column.name, {} if column.name == "inputs" else "")
    return sheet.row(**fields)


def _defaults(sheet: Sheet) -> dict[str, Any]:
    return {
        field.name: field.default_factory()
        if field.default is msgspec.NODEFAULT and not field.required
        else field.default
        for field in msgspec.structs.fields(sheet.row)
    }


def _overrides(old: Mapping[str, LevelOverride], values: dict[str, Any]) -> dict[str, LevelOverride]:
    found = {level: msgspec.structs.asdict(override) for level, override in old.items()}
    for name, value in values.items():
        if name in OVERRIDES:
            level, field = OVERRIDES[name]
            found.setdefault(level, {})[field] = value
    overrides = {level: LevelOverride(**fields) for level, fields in sorted(found.items())}
    return {level: override for level, override in overrides.items() if override != LevelOverride()}


def _identified(site: Site, rows: dict[str, dict[str, Any]]) -> Site:
    """The site with these rows, each new tag, rule and gateway with an id that was never used."""
    next_id, next_gateway_id = site.next_id, site.next_gateway_id
    for kind in ("tags", "rules"):
        for key, row in rows.get(kind, {}).items():
            if not row.id:
                rows[kind][key] = msgspec.structs.replace(row, id=next_id)
                next_id += 1
    for key, gateway in rows.get("gateways", {}).items():
        if not gateway.id:
            rows["gateways"][key] = msgspec.structs.replace(gateway, id=next_gateway_id)
            next_gateway_id += 1
    return msgspec.structs.replace(site, **rows, next_id=next_id, next_gateway_id=next_gateway_id)


def export(site: Site) -> dict[str, bytes]:
    """The site as CSV files, all of them, also those without rows."""
    return {sheet.file: to_csv(_as_table(sheet, getattr(site, sheet.rows))) for sheet in SHEETS}


def export_zip(site: Site) -> bytes:
    """The site as a zip of its CSV files; the same site gives the same bytes."""
    return to_zip(export(site))


def _as_table(sheet: Sheet, rows: Mapping[str, Any]) -> Table:
    used = {name for row in rows.values() for name in _override_cells(row)}
    columns = tuple(column.name for column in sheet.columns if column.name not in OVERRIDES or column.name in used)
    return Table(
        sheet.file,
        columns,
        tuple(Row(0, _cells(sheet.columns, row)) for row in rows.values()),
    )


def _cells(columns: tuple[Column, ...], row: Any) -> dict[str, str]:
    own = {column.name: show(getattr(row, column.name)) for column in columns if column.name not in OVERRIDES}
    return own | _override_cells(row)


def _override_cells(row: Any) -> dict[str, str]:
    if not isinstance(row, Tag):
        return {}
    cells = {}
    for name, (level, field) in OVERRIDES.items():
        value = getattr(row.overrides.get(level), field, None)
        if value is not None:
            cells[name] = show(value)
    return cells
