"""Guesses of how many readings lie where, and how many were read by now, to how much is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.stored import Guess

LEAST = 1.0  # readings that any stretch is taken to hold: a guess may be nought where many lie


@dataclass(frozen=True, slots=True)
class Far:
    """`done` from 0 to 1; `about` readings in all; `remaining_s` None where nothing was read yet."""

    done: float
    readings: int
    about: int
    remaining_s: float | None


class Progress:
    """Guesses are put right by what was found: where twice as many lay as guessed, as much is expected of the rest."""

    def __init__(self, guesses: Sequence[Guess]) -> None:
        self._guesses = guesses

    def at(self, until: datetime, readings: int, took_s: float) -> Far:
        """So many readings lay before `until`, and took so long."""
        behind = ahead = 0.0
        for guess in self._guesses:
            share = _share_before(guess, until)
            expected = max(guess.readings, LEAST)
            behind += expected * share
            ahead += expected * (1 - share)
        left = ahead if not readings else ahead * readings / behind
        about = readings + left
        done = behind / (behind + ahead) if behind + ahead else 1.0
        return Far(done, readings, round(about), took_s * left / readings if readings else None)


def _share_before(guess: Guess, until: datetime) -> float:
    share = (until - guess.begin) / (guess.end - guess.begin)
    return min(max(share, 0.0), 1.0)
