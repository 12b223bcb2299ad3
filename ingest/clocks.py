"""Times that gateways give, and arrivals, to times that can be stored: the shift, and whose clock is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

AHEAD_MS = 10_000  # a message whose newest time is further ahead of its arrival has a wrong clock
YEAR_2000_MS = 946_684_800_000  # so has one before: many clocks start at 1970 or 2000, and some send seconds
SAME_MS = 5_000  # gateways that are ahead by amounts this close are ahead by the same amount
HEARD_MS = 600_000  # a gateway has a say in whose clock is wrong if it sent a time in the last ten minutes
AGREEING = 3  # at least: two gateways of one make, both at the end of their calendar, are no majority
ASKED_MS = 1_000
WELL_AFTER_MS = 60_000  # a clock is well again when its last wrong time is this old


def shift_ms(newest_ms: int, at_ms: int) -> int:
    """What must be added to all times of a message so that its newest is its arrival; 0 where they are possible."""
    if newest_ms > at_ms + AHEAD_MS or newest_ms < YEAR_2000_MS:
        return at_ms - newest_ms
    return 0


@dataclass(slots=True)
class _Clock:
    ahead_ms: int
    heard_ms: int
    wrong_ms: int | None = None


@dataclass(slots=True)
class Clocks:
    """What each gateway's last message said of its clock. A few dozen bytes a gateway."""

    _clocks: dict[int, _Clock] = field(default_factory=dict)
    _ours_ahead_ms: int | None = None  # by how much most gateways are ahead of us; None: our clock is right
    _judged_ms: int | None = None

    @property
    def ours_is_wrong(self) -> bool:
        """Whether more than half of the gateways look ahead by the same amount."""
        return self._ours_ahead_ms is not None

    def judge(self, gateway: int, newest_ms: int, at_ms: int) -> int:
        """Takes note of a message's newest time, and returns the shift of all its times."""
        if gateway not in self._clocks:
            self._judged_ms = None  # one more has a say
        clock = self._clocks.setdefault(gateway, _Clock(0, at_ms))
        clock.ahead_ms, clock.heard_ms = newest_ms - at_ms, at_ms
        shift = shift_ms(newest_ms, at_ms)
        self.tick(at_ms)
        if shift == 0:
            if clock.wrong_ms is not None and at_ms - clock.wrong_ms >= WELL_AFTER_MS:
                clock.wrong_ms = None
            return 0
        if self._ours_ahead_ms is not None and abs(clock.ahead_ms - self._ours_ahead_ms) <= SAME_MS:
            return 0
        clock.wrong_ms = at_ms
        return shift

    def is_wrong(self, gateway: int) -> bool:
        """Whether the gateway's times are being shifted, or were in the last minute."""
        clock = self._clocks.get(gateway)
        return clock is not None and clock.wrong_ms is not None

    def tick(self, now_ms: int) -> None:
        """Asks once a second whose clock is wrong: amounts that more than half share are near the middle one."""
        if self._judged_ms is not None and now_ms - self._judged_ms < ASKED_MS:
            return
        self._judged_ms = now_ms
        heard = [clock.ahead_ms for clock in self._clocks.values() if now_ms - clock.heard_ms <= HEARD_MS]
        middle = sorted(heard)[len(heard) // 2] if heard else 0
        agreeing = sum(abs(ahead_ms - middle) <= SAME_MS for ahead_ms in heard)
        most = agreeing >= AGREEING and 2 * agreeing > len(heard)
        self._ours_ahead_ms = middle if most and middle > AHEAD_MS else None
