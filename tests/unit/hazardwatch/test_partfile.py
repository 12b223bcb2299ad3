"""A file that is continued is byte for byte the one that was never stopped, wherever it was stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hazardwatch.faults import Fault
from hazardwatch.partfile import PartFile

ABOUT = {"from": "a", "to": "b", "enterprise": None}
PIECES = [f"{number},{'x' * (number % 7)}\n".encode() for number in range(2000)]


class Killed(BaseException):
    """The process ends here."""


def write(path: Path, *, resume: bool, dies_after: int = 10**9) -> None:
    """Pieces to the file, kept at every hundredth; the life ends after so many of them."""
    with PartFile(path, ABOUT, resume=resume) as file:
        for number in range(file.place or 0, len(PIECES)):
            if number % 100 == 0:
                file.keep(number, number)
            file.write(PIECES[number])
            dies_after -= 1
            if dies_after == 0:
                raise Killed


@pytest.mark.parametrize("seed", range(5))
def test_a_file_stopped_again_and_again_is_as_one_never_stopped(tmp_path: Path, seed: int) -> None:
    chance, path = np.random.default_rng(seed), tmp_path / "out.csv"
    write(tmp_path / "whole.csv", resume=False)
    deaths = 0
    while True:
        try:
            write(path, resume=True, dies_after=int(chance.integers(1, 900)))
            break
        except Killed:
            deaths += 1
            if chance.random() < 0.5:
                with path.open("ab") as file:
                    file.write(b"half a li")  # what was written after it was last kept may be there in part
    assert deaths
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes() == b"".join(PIECES)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.csv", "whole.csv"]


def test_what_is_complete_or_of_something_else_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write(path, resume=False)
    with pytest.raises(Fault, match="complete"):
        PartFile(path, ABOUT, resume=True)
    with pytest.raises(Killed):
        write(path, resume=False, dies_after=150)
    with pytest.raises(Fault, match="was begun with from a, to b"):
        PartFile(path, {**ABOUT, "to": "c"}, resume=True)
    path.write_bytes(b"")
    with pytest.raises(Fault, match="begin anew"):
        PartFile(path, ABOUT, resume=True)
    write(path, resume=False)
    assert path.read_bytes() == b"".join(PIECES)


def test_a_pipe_has_nothing_beside_it() -> None:
    write(Path("/dev/null"), resume=False)
    assert not Path("/dev/null.progress").exists()
