"""The hashes of the newest messages to the question whether one has been here before."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

REMEMBERED = 8_192


class Hashes:
    """The newest non-zero message hashes of a partition; 0 is a message that is never taken for a repeat."""

    def __init__(self, hashes: npt.NDArray[np.uint64] | None = None) -> None:
        self._order: deque[int] = deque([] if hashes is None else hashes.tolist())
        self._known = set(self._order)

    def repeats(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_] | None:
        """Which of these messages were here before; remembers the others. None where none was."""
        found = [place for place, value in enumerate(hashes.tolist()) if value and not self._remember(value)]
        if not found:
            return None
        repeated = np.zeros(len(hashes), np.bool_)
        repeated[found] = True
        return repeated

    def column(self) -> npt.NDArray[np.uint64]:
        """All of them, the oldest first."""
        return np.array(self._order, np.uint64)

    def _remember(self, value: int) -> bool:
        if value in self._known:
            return False
        self._known.add(value)
        self._order.append(value)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
        return True
