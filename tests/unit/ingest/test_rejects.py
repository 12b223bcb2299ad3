"""Cursors of lists of rejects: those that nobody gave are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.rejects import Choice, CursorError, KeptReject, cursor_of, place_of

AT = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)


def test_a_cursor_is_where_its_reject_stands() -> None:
    assert place_of(cursor_of(KeptReject("a-b", AT, "", "", "", "", "", "", b"", 0, ""))) == (AT, "a-b")
    assert place_of(None) == (None, None)


@pytest.mark.parametrize("cursor", ["x", "5", "5-", "-5-a", "9" * 30 + "-a", "5-\0"])
def test_a_cursor_that_nobody_gave_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        place_of(cursor)


def test_what_is_left_empty_does_not_narrow() -> None:
    assert Choice.of(None, gateway="", reason="") == Choice()
    assert Choice.of(frozenset({"B", "A"}), gateway="G") == Choice(["A", "B"], "G")
