"""A folder or a zip of CSV files to tables of cells, and back to files that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from registry.faults import Fault, SiteFaults

FILES = ("regions.csv", "enterprises.csv", "sources.csv", "gateways.csv", "tags.csv", "rules.csv", "contacts.csv")
MOST_BYTES = 256 << 20  # of one folder or unpacked zip: a country's tags take 60 MB
LONGEST_CELL = 2_000

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FORMULA = re.compile(r"'*[=+\-@]")  # what a spreadsheet would run, or such a thing quoted by us
QUOTED = re.compile(r"'+[=+\-@]")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on and its cells by column, blanks around them removed."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """One file; `faults` are those of its form, the rows are what could be read all the same."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...] = ()
    faults: tuple[Fault, ...] = field(default=())


def read_folder(folder: Path) -> dict[str, bytes]:
    """The CSV files of a folder by name; SiteFaults where there are none, or one has a name that we do not know."""
    if not folder.is_dir():
        raise SiteFaults([Fault(str(folder), 0, "", "there is no such folder")])
    try:
        found = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and _ours(path)}
    except OSError as error:
        raise SiteFaults([Fault(str(error.filename), 0, "", f"cannot be read: {error.strerror}")]) from error
    return _named(found, str(folder))


def read_zip(data: bytes) -> dict[str, bytes]:
    """The CSV files of a zip by name, whatever folder inside they lie in."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [
                entry for entry in archive.infolist() if not entry.is_dir() and _ours(PurePosixPath(entry.filename))
            ]
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise SiteFaults([Fault("zip", 0, "", f"holds more than {MOST_BYTES >> 20} MiB of CSV")])
            for entry in entries:
                name = PurePosixPath(entry.filename).name
                if name in found:
                    raise SiteFaults([Fault(name, 0, "", "is twice in the zip; leave one")])
                found[name] = archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise SiteFaults([Fault("zip", 0, "", f"is no zip that can be read: {error}")]) from error
    return _named(found, "zip")


def table(file: str, data: bytes) -> Table:
    """The bytes of one CSV file to its cells; never raises, faults are in the table."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _unreadable(file, line, 'is not UTF-8; save it as "CSV UTF-8"')
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((begins, [cell.strip() for cell in cells]))
            begins = reader.line_num + 1
    except csv.Error as error:
        return _unreadable(file, begins, f"is no CSV: {error}; quote cells with commas or quotes in them")
    if not rows:
        return _unreadable(file, 1, "is empty; the first row names the columns")
    return _table(file, rows)


def to_csv(table: Table) -> bytes:
    """A table as UTF-8 CSV with a BOM, which spreadsheets need to see that it is UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows([_safe(row.cells.get(column, "")) for column in table.columns] for row in table.rows)
    return out.getvalue().encode("utf-8-sig")


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Files as one zip; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def cell(text: str) -> str:
    """A cell as it is kept: one kind of line end, no blanks around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _ours(path: PurePosixPath | Path) -> bool:
    """Locks and litter of spreadsheets and file managers are not."""
    return path.suffix.lower() == ".csv" and path.name[0] not in ".~" and "__MACOSX" not in path.parts


def _named(found: dict[str, bytes], where: str) -> dict[str, bytes]:
    faults = [
        Fault(name, 0, "", f"is no file of a site; the files are {', '.join(FILES)}")
        for name in found
        if name.lower() not in FILES
    ]
    if not found:
        faults = [Fault(where, 0, "", f"holds none of {', '.join(FILES)}")]
    if faults:
        raise SiteFaults(faults)
    return {name.lower(): data for name, data in found.items()}


def _unreadable(file: str, line: int, text: str) -> Table:
    return Table(file, (), (), (Fault(file, line, "", text),))


def _table(file: str, rows: list[tuple[int, list[str]]]) -> Table:
    (header_line, header), *body = rows
    columns = [name.lower() for name in header]
    while columns and not columns[-1]:  # spreadsheets leave empty columns at the end
        columns.pop()
    faults = [
        Fault(file, header_line, name or f"column {place + 1}", _bad_header(name))
        for place, name in enumerate(columns)
        if not name or columns.index(name) != place
    ]
    read: list[Row] = []
    for line, cells in body:
        extra = next((value for value in cells[len(columns) :] if value), None)
        if extra is not None:
            faults.append(
                Fault(file, line, "", f"has {len(cells)} cells under {len(columns)} columns; quote cells with commas")
            )
        values = {}
        for name, value in zip(columns, cells, strict=False):
            value = cell(value)
            values[name] = value[1:] if QUOTED.match(value) else value
            if CONTROL.search(value):
                faults.append(Fault(file, line, name, "holds a control character; remove it"))
            elif len(value) > LONGEST_CELL:
                faults.append(Fault(file, line, name, f"is {len(value)} characters long; at most {LONGEST_CELL} fit"))
        read.append(Row(line, values))
    return Table(file, tuple(columns), tuple(read), tuple(faults))


def _bad_header(name: str) -> str:
    return "is named twice; keep one" if name else "has no name; name it or remove it"


def _safe(value: str) -> str:
    """A cell that a spreadsheet would take for a formula gets a quote in front, which import takes off again."""
    return f"'{value}" if FORMULA.match(value) and not NUMBER.fullmatch(value) else value
