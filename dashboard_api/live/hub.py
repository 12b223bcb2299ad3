"""Events and values to the screens that watch: each frame made once, each screen with a bounded queue of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from registry.people import Person

MOST_FRAMES = 5_000  # waiting for one screen: about 2.5 MB; more, and it is told to come back for a snapshot
TOO_SLOW = 1013
NO_LONGER = 1008


@dataclass(frozen=True, slots=True)
class Wish:
    """What a screen asked to see; empty words mean all that its person may see."""

    region: str = ""
    enterprise: str = ""
    source: str = ""  # "enterprise/source"
    readings: frozenset[str] = frozenset()


@dataclass(eq=False, slots=True)
class Screen:
    """One WebSocket client: what it may see, what it asked for, and what still has to be sent."""

    person: Person
    secret: str
    wish: Wish | None = None
    enterprises: frozenset[str] | None = None  # that the wish and the scope admit; None: all
    frames: deque[str] = field(default_factory=deque)
    closing: int | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def admits(self, enterprise: str, source: str) -> bool:
        """Whether an alarm of this source is for this screen."""
        if self.wish is None or (self.enterprises is not None and enterprise not in self.enterprises):
            return False
        return not self.wish.source or self.wish.source == f"{enterprise}/{source}"

    def send(self, frame: str) -> None:
        """Queues a frame; a screen whose queue is full is closed rather than waited for."""
        if self.closing is not None:
            return
        if len(self.frames) >= MOST_FRAMES:
            self.close(TOO_SLOW)
            return
        self.frames.append(frame)
        self.wake.set()

    def close(self, code: int) -> None:
        self.closing = code
        self.frames.clear()
        self.wake.set()


class Hub:
    """All screens that are open."""

    def __init__(self) -> None:
        self.screens: set[Screen] = set()
        self.closed_as_too_slow = 0

    def admit(self, screen: Screen) -> None:
        self.screens.add(screen)

    def leave(self, screen: Screen) -> None:
        self.closed_as_too_slow += screen.closing == TOO_SLOW
        self.screens.discard(screen)

    def alarm(self, enterprise: str, source: str, frame: Callable[[], str]) -> None:
        """Sends an event to all whom it concerns; `frame` is made only if there is somebody."""
        concerned = [screen for screen in self.screens if screen.admits(enterprise, source)]
        if concerned:
            self._to(concerned, frame())

    def gateway(self, enterprise: str, frame: Callable[[], str]) -> None:
        concerned = [screen for screen in self.screens if screen.admits(enterprise, "")]
        if concerned:
            self._to(concerned, frame())

    def readings(self, source: str, frame: str) -> None:
        self._to([screen for screen in self.screens if screen.wish and source in screen.wish.readings], frame)

    def watched(self) -> set[str]:
        """The sources whose readings somebody looks at."""
        return {source for screen in self.screens if screen.wish for source in screen.wish.readings}

    def all(self, frame: str) -> None:
        self._to(self.screens, frame)

    def _to(self, screens: Iterable[Screen], frame: str) -> None:
        for screen in screens:
            screen.send(frame)
