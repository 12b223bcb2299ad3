"""Times at which a contact was sent something to whether he may be sent one more now, or gets a summary later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

MOST, SPAN_MS = 5, 60_000  # notices a minute to one contact; the rest waits for a summary
URGENT = 1  # a notice of this priority never waits


class Window:
    """The sends of the last minute to one contact. Priority 1 is always admitted, and counts."""

    def __init__(self, sent: Iterable[int] = ()) -> None:
        self._sent = deque(sorted(sent)[-MOST:])

    def admits(self, now: int, priority: int) -> bool:
        return priority <= URGENT or self.opens_at(now) <= now

    def opens_at(self, now: int) -> int:
        """When the next one that is not urgent may go out; `now` where it may at once."""
        if len(self._sent) < MOST or self._sent[0] <= now - SPAN_MS:
            return now
        return self._sent[0] + SPAN_MS

    def sent(self, now: int) -> None:
        self._sent.append(now)
        if len(self._sent) > MOST:
            self._sent.popleft()
