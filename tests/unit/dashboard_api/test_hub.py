"""Who is sent what, and what becomes of a screen that does not read."""

from __future__ import annotations

from dashboard_api.live.hub import MOST_FRAMES, TOO_SLOW, Hub, Screen, Wish
from registry.people import Person, Role

ANN = Person("ann", Role.OPERATOR)


def screen(enterprises: set[str] | None = None, **wish: object) -> Screen:
    return Screen(ANN, "secret", Wish(**wish), None if enterprises is None else frozenset(enterprises))  # type: ignore[arg-type]


def test_an_alarm_reaches_those_whom_it_concerns_and_is_made_once() -> None:
    hub, made = Hub(), []
    every, own, other = screen(), screen({"E1"}, source="E1/S1"), screen({"E2"})
    for one in (every, own, other):
        hub.admit(one)

    def frame() -> str:
        made.append(1)
        return "frame"

    hub.alarm("E1", "S1", frame)
    assert [list(one.frames) for one in (every, own, other)] == [["frame"], ["frame"], []]
    assert len(made) == 1
    hub.alarm("E1", "S2", frame)
    assert list(own.frames) == ["frame"]


def test_a_screen_that_does_not_read_is_closed_and_slows_nobody() -> None:
    hub = Hub()
    dead, live = screen(), screen()
    hub.admit(dead)
    hub.admit(live)
    for n in range(MOST_FRAMES + 10):
        hub.all(str(n))
        live.frames.clear()
    assert dead.closing == TOO_SLOW
    assert not dead.frames
    assert live.closing is None
    hub.leave(dead)
    assert hub.closed_as_too_slow == 1


def test_readings_go_to_those_who_look_at_the_source() -> None:
    hub = Hub()
    looking, away = screen(readings=frozenset({"E1/S1"})), screen()
    hub.admit(looking)
    hub.admit(away)
    assert hub.watched() == {"E1/S1"}
    hub.readings("E1/S1", "frame")
    assert (list(looking.frames), list(away.frames)) == (["frame"], [])


def test_a_screen_that_asked_for_nothing_yet_gets_no_alarms() -> None:
    hub, silent = Hub(), Screen(ANN, "secret")
    hub.admit(silent)
    hub.alarm("E1", "S1", lambda: "frame")
    assert not silent.frames
