"""The planted faults: each still finds its place, and some are planted and caught for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import caught_by
from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("limit-reached", "old-occurrence-acked")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_a_fault_replaces_stands_there_once(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old


def test_the_names_are_all_different() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in QUICK], ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught(fault: Fault) -> None:
    assert caught_by(fault) is not None
