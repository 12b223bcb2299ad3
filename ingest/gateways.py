"""Signs of life of gateways to who is online, and what the platform says of each as ordinary readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ingest.clocks import Clocks
from ingest.validate import Port
from line.messages import GatewayStatus
from registry.platform import CLOCK, INPUT_FULL, PLATFORM, clock_tag, offline_tag

CLOCK_KEY, INPUT_FULL_KEY = f"{PLATFORM}/{CLOCK.tag}", f"{PLATFORM}/{INPUT_FULL.tag}"
REPEAT_MS = 300_000  # what the platform says is said again this often, so that a history never looks abandoned


@dataclass(slots=True)
class _Life:
    heard_ms: int
    online: bool | None = None


@dataclass(slots=True)
class Presence:
    """When each gateway was last heard, by our clock; silent for `offline_after_s` means offline."""

    _lives: dict[int, _Life] = field(default_factory=dict)

    def heard(self, gateway: int, at_ms: int) -> GatewayStatus | None:
        """A message came: the gateway is online; a status where that is news."""
        return self._become(gateway, True, at_ms, None)

    def said(
        self, gateway: int, online: bool, at_ms: int, ts_ms: int | None, *, retained: bool
    ) -> GatewayStatus | None:
        """The status topic: a last will counts at once; a retained "online" is no sign of life, only old news."""
        if not online:
            return self._become(gateway, False, at_ms, ts_ms)
        if not retained:
            return self._become(gateway, True, at_ms, ts_ms)
        life = self._lives.setdefault(gateway, _Life(at_ms))
        if life.online is not None:
            return None
        life.online = True
        return GatewayStatus(gateway, True, at_ms, ts_ms)

    def silent(self, ports: Iterable[Port], now_ms: int) -> list[GatewayStatus]:
        """Those that have said nothing for too long; one never heard counts from when it was first asked about."""
        news = []
        for port in ports:
            life = self._lives.setdefault(port.id, _Life(now_ms))
            if life.online is not False and now_ms - life.heard_ms >= port.offline_after_ms:
                life.online = False
                news.append(GatewayStatus(port.id, False, now_ms))
        return news

    def online(self, gateway: int) -> bool | None:
        """None while nothing is known."""
        life = self._lives.get(gateway)
        return life.online if life else None

    def _become(self, gateway: int, online: bool, at_ms: int, ts_ms: int | None) -> GatewayStatus | None:
        life = self._lives.setdefault(gateway, _Life(at_ms))
        news = life.online is not online
        life.online, life.heard_ms = online, at_ms
        return GatewayStatus(gateway, online, at_ms, ts_ms) if news else None


@dataclass(slots=True)
class Announcer:
    """What the platform said last of each of its points, so that it speaks when something changes."""

    _said: dict[int, tuple[float, int]] = field(default_factory=dict)

    def due(self, wanted: Mapping[int, float], now_ms: int) -> dict[int, float]:
        """Of point id -> value, what is new or has not been said for REPEAT_MS; counts as said from now on."""
        news = {
            point: value
            for point, value in wanted.items()
            if point not in self._said or self._said[point][0] != value or now_ms - self._said[point][1] >= REPEAT_MS
        }
        for point, value in news.items():
            self._said[point] = (value, now_ms)
        return news


def verdicts(
    ports: Iterable[Port], platform: Mapping[str, int], presence: Presence, clocks: Clocks
) -> dict[int, float]:
    """Point id -> 1 where a gateway is offline or its clock is wrong, 0 where not; nothing where it is not known."""
    said: dict[int, float] = {}
    for port in ports:
        online = presence.online(port.id)
        if online is None:
            continue
        offline_point = platform.get(f"{port.enterprise}/{offline_tag(port.code)}")
        if offline_point is not None:
            said[offline_point] = float(not online)
        clock_point = platform.get(f"{port.enterprise}/{clock_tag(port.code)}")
        if clock_point is not None:
            said[clock_point] = float(clocks.is_wrong(port.id))
    return said
