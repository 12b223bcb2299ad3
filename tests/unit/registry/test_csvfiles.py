"""Bytes of CSV files to cells, and cells to files that a spreadsheet opens without harm."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.csvfiles import Row, Table, cell, read_folder, read_zip, table, to_csv, to_zip
from registry.faults import SiteFaults


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"code,name\nA,One\n", id="plain"),
        pytest.param(b"\xef\xbb\xbfcode,name\r\nA,One\r\n", id="byte order mark and Windows line ends"),
        pytest.param(b'"code" , "name"\nA,One\n'.replace(b" ", b""), id="quoted"),
        pytest.param(b"CODE,Name,,\n A , One ,,\n", id="capitals, blanks, empty columns at the end"),
        pytest.param(b"\n,,\ncode,name\n\nA,One", id="empty rows, no line end at the end"),
    ],
)
def test_what_spreadsheets_write_is_read(data: bytes) -> None:
    read = table("regions.csv", data)
    assert read.faults == ()
    assert read.columns == ("code", "name")
    assert [row.cells for row in read.rows] == [{"code": "A", "name": "One"}]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "regions.csv:1: is empty; the first row names the columns"),
        (b"code,name\nA,\xce\xd2\n", 'regions.csv:2: is not UTF-8; save it as "CSV UTF-8"'),
        (b'code,name\nA,"One" x\n', "regions.csv:2: is no CSV"),
        (b'code,name\nA,"One\n', "regions.csv:2: is no CSV"),
        (b"code,name,code\nA,One,B\n", "regions.csv:1: code: is named twice"),
        (b"code,,name\nA,x,One\n", "regions.csv:1: column 2: has no name"),
        (b"code,name\nA,One,Two\n", "regions.csv:2: has 3 cells under 2 columns"),
        (b"code,name\nA,O\x07ne\n", "regions.csv:2: name: holds a control character"),
        (b"code,name\nA," + b"x" * 3000 + b"\n", "regions.csv:2: name: is 3000 characters long"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_file_that_cannot_be_read_says_where_and_what_would_be_right(data: bytes, fault: str) -> None:
    faults = [str(found) for found in table("regions.csv", data).faults]
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_rows_are_numbered_by_the_line_they_begin_on() -> None:
    read = table("regions.csv", b'code,name\n\nA,"One\nand more"\nB,Two\n')
    assert [(row.line, row.cells["code"]) for row in read.rows] == [(3, "A"), (5, "B")]
    assert read.rows[0].cells["name"] == "One\nand more"


def test_a_short_row_has_empty_cells_at_its_end() -> None:
    assert table("regions.csv", b"code,name,parent\nA,One\n").rows[0].cells == {"code": "A", "name": "One"}


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "'=quoted", "''=twice"])
def test_a_formula_is_exported_quoted_and_imported_as_it_was(text: str) -> None:
    written = to_csv(Table("regions.csv", ("code",), (Row(0, {"code": text}),)))
    assert f"'{text}" in written.decode("utf-8-sig")
    assert table("regions.csv", written).rows[0].cells == {"code": text}


@pytest.mark.parametrize("text", ["-5", "+3.5", "-1e-9", "'plain"])
def test_numbers_and_plain_text_are_exported_as_they_are(text: str) -> None:
    assert to_csv(Table("x.csv", ("a",), (Row(0, {"a": text}),))).decode("utf-8-sig") == f"a\r\n{text}\r\n"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(cell).filter(bool))
def test_any_text_comes_back(text: str) -> None:
    written = to_csv(Table("x.csv", ("a", "b"), (Row(0, {"a": text, "b": "x"}),)))
    assert [row.cells for row in table("x.csv", written).rows] == [{"a": text, "b": "x"}]


def test_a_folder_and_its_zip_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "Regions.csv").write_bytes(b"code,name\nA,One\n")
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / ".~lock.regions.csv").write_text("a spreadsheet's lock")
    found = read_folder(tmp_path)
    assert found == {"regions.csv": b"code,name\nA,One\n"}
    assert read_zip(to_zip(found)) == found
    assert read_zip(zipped(**{"site/regions.csv": b"x", "__MACOSX/site/._regions.csv": b"y"})) == {"regions.csv": b"x"}


def test_a_misspelt_file_is_a_fault_and_not_left_out_in_silence(tmp_path: Path) -> None:
    (tmp_path / "tag.csv").write_text("")
    with pytest.raises(SiteFaults, match=r"tag.csv: is no file of a site; the files are regions.csv, "):
        read_folder(tmp_path)


def test_no_files_at_all_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SiteFaults, match="holds none of"):
        read_folder(tmp_path)
    with pytest.raises(SiteFaults, match="there is no such folder"):
        read_folder(tmp_path / "missing")
    with pytest.raises(SiteFaults, match="holds none of"):
        read_zip(zipped())


def test_a_broken_zip_is_a_fault() -> None:
    for data in (b"", b"not a zip", zipped(**{"tags.csv": b"x" * 500})[:-30]):
        with pytest.raises(SiteFaults, match="is no zip that can be read"):
            read_zip(data)
    with pytest.raises(SiteFaults, match="is twice in the zip"):
        read_zip(zipped(**{"a/tags.csv": b"", "b/tags.csv": b""}))
