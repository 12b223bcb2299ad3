"""Cells to values, and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import pytest

from registry.columns import (
    Parse,
    boolean,
    channel,
    code,
    number,
    number_pairs,
    own_code,
    own_tag_code,
    pairs,
    priority,
    show,
    tag_code,
    within,
)


@pytest.mark.parametrize(
    ("parse", "cell", "value"),
    [
        (code, "A-1_b", "A-1_b"),
        (code, "x" * 64, "x" * 64),
        (tag_code, "罐1.LT(%)=;,", "罐1.LT(%)=;,"),
        (number, "-1.5e3", -1500.0),
        (number, ".5", 0.5),
        (number, "-0", 0.0),
        (boolean, "TRUE", True),
        (boolean, "false", False),
        (priority, "4", 4),
        (pairs, "flow=TAG; level = A=B;", {"flow": "TAG", "level": "A=B"}),
        (number_pairs, "noise=0.003", {"noise": 0.003}),
        (channel, "mailto://u:p@host", "mailto://u:p@host"),
    ],
)
def test_cells_become_values(parse: Parse, cell: str, value: Any) -> None:
    assert parse(cell) == value
    assert parse(show(parse(cell))) == value


@pytest.mark.parametrize(
    ("parse", "cell", "right"),
    [
        (code, "A B", "use 1 to 64 of"),
        (code, "_A", "the first a letter or digit"),
        (code, "x" * 65, "use 1 to 64 of"),
        (code, "罐", "use 1 to 64 of"),
        (own_code, "platform2", "are the platform's own"),
        (own_code, "Platform", "are the platform's own"),
        (own_tag_code, "platform.offline.GW1", "are the platform's own"),
        *((tag_code, bad, "without blanks, quotes") for bad in ("A B", 'A"', "A'", "A/B", "A\\B", "A+", "#", "x" * 65)),
        (number, "1,5", "write one like 12.5"),
        (number, "1_000", "write one like 12.5"),
        (number, "１２", "write one like 12.5"),
        (number, "NaN", "write one like 12.5"),
        (number, "inf", "write one like 12.5"),
        (number, "1e999", "it must be finite"),
        (within(0), "-1", "must be at least 0"),
        (within(0, 5, above=True), "0", "must be more than 0 and at most 5"),
        (within(-180, 180), "181", "must be at least -180 and at most 180"),
        (boolean, "yes", "use true or false"),
        (boolean, "1", "use true or false"),
        (priority, "0", "use 1 (urgent) to 4 (low)"),
        (priority, "P1", "use 1 (urgent) to 4 (low)"),
        (pairs, "flow", "write name=value;name=value"),
        (pairs, "flow=A;flow=B", "flow is given twice"),
        (number_pairs, "noise=little", "write one like 12.5"),
    ],
)
def test_what_is_no_value_is_told_what_would_be_right(parse: Parse, cell: str, right: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse(cell)
    assert right in str(error.value)


def test_a_channel_that_is_refused_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="is no channel") as error:
        channel("hunter2")
    assert "hunter2" not in str(error.value)
