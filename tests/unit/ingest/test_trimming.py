"""What the line may forget: nothing that anybody may still want."""

from __future__ import annotations

import pytest

from ingest.trimming import Ends, floors

BEFORE = Ends(0.0, last_input=50, last_alarm=20)


@pytest.mark.parametrize(
    ("positions", "last_alarm", "before", "kept_from"),
    [
        pytest.param({}, 30, BEFORE, (1, 1), id="nobody has said where he is"),
        pytest.param({"historian": b"90"}, 30, BEFORE, (1, 1), id="no engine has a snapshot"),
        pytest.param({"historian": b"90", "engine": b"70"}, 30, BEFORE, (71, 1), id="no journal"),
        pytest.param({"historian": b"60", "engine": b"70"}, 30, BEFORE, (61, 1), id="the database is behind"),
        pytest.param({"historian": b"90", "engine": b"70", "journal": b"25"}, 30, BEFORE, (71, 21), id="ten minutes"),
        pytest.param({"historian": b"90", "engine": b"70", "journal": b"15"}, 30, BEFORE, (71, 16), id="behind"),
        pytest.param({"historian": b"90", "engine": b"70", "journal": b"25"}, 30, None, (71, 1), id="just started"),
        pytest.param({"historian": b"90", "engine": b"49", "journal": b"25"}, 30, BEFORE, (50, 1), id="old snapshot"),
        pytest.param(
            {"historian": b"90", "engine": b"70", "journal": b"20"}, 20, BEFORE, (71, 20), id="the last stays"
        ),
        pytest.param({"historian": b"0", "engine": b"0", "journal": b"0"}, 0, Ends(0, 0, 0), (1, 1), id="nothing yet"),
    ],
)
def test_floors(positions: dict[str, bytes], last_alarm: int, before: Ends | None, kept_from: tuple[int, int]) -> None:
    assert floors(positions, last_alarm, before) == kept_from
