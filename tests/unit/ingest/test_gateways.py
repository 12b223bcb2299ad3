"""Who is online, by our clock, and when the platform says so."""

from __future__ import annotations

from ingest.clocks import Clocks
from ingest.gateways import REPEAT_MS, Announcer, Presence, verdicts
from ingest.validate import Port
from line.messages import GatewayStatus

NOW = 1_767_225_600_000
PORT = Port(7, "E1", "GW1", source_clock=False, offline_after_ms=60_000, own={}, known={})
PLATFORM = {"E1/platform.offline.GW1": 101, "E1/platform.clock.GW1": 102}


def test_a_first_message_is_news_a_second_is_not() -> None:
    presence = Presence()
    assert presence.heard(7, NOW) == GatewayStatus(7, True, NOW)
    assert presence.heard(7, NOW + 1) is None


def test_silence_of_offline_after_s_is_offline_once() -> None:
    presence = Presence()
    presence.heard(7, NOW)
    assert presence.silent([PORT], NOW + 59_999) == []
    assert presence.silent([PORT], NOW + 60_000) == [GatewayStatus(7, False, NOW + 60_000)]
    assert presence.silent([PORT], NOW + 61_000) == []
    assert presence.heard(7, NOW + 62_000) == GatewayStatus(7, True, NOW + 62_000)


def test_a_gateway_never_heard_is_offline_after_the_same_time() -> None:
    presence = Presence()
    assert presence.silent([PORT], NOW) == []
    assert presence.online(7) is None
    assert presence.silent([PORT], NOW + 60_000) == [GatewayStatus(7, False, NOW + 60_000)]


def test_a_last_will_counts_at_once() -> None:
    presence = Presence()
    presence.heard(7, NOW)
    assert presence.said(7, False, NOW + 5, 3, retained=False) == GatewayStatus(7, False, NOW + 5, 3)
    assert presence.online(7) is False


def test_a_retained_online_is_old_news_and_no_sign_of_life() -> None:
    presence = Presence()
    presence.silent([PORT], NOW)
    assert presence.said(7, True, NOW + 50_000, 3, retained=True) == GatewayStatus(7, True, NOW + 50_000, 3)
    assert presence.silent([PORT], NOW + 60_000) == [GatewayStatus(7, False, NOW + 60_000)]
    assert presence.said(7, True, NOW + 70_000, 3, retained=True) is None
    assert presence.online(7) is False


def test_the_platform_says_what_it_knows_when_it_changes_and_now_and_then() -> None:
    presence, clocks, announcer = Presence(), Clocks(), Announcer()

    def due(now_ms: int) -> dict[int, float]:
        return announcer.due(verdicts([PORT], PLATFORM, presence, clocks), now_ms)

    assert due(NOW) == {}, "nothing is known yet"
    presence.heard(7, NOW)
    assert due(NOW) == {101: 0.0, 102: 0.0}
    assert due(NOW + 1_000) == {}
    clocks.judge(7, NOW + 3_600_000, NOW + 2_000)
    assert due(NOW + 2_000) == {102: 1.0}
    presence.silent([PORT], NOW + 60_000)
    assert due(NOW + 60_000) == {101: 1.0}
    assert due(NOW + 60_000 + REPEAT_MS) == {101: 1.0, 102: 1.0}
