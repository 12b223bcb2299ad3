"""What a new engine still has to say, by the last message on ALARM."""

from __future__ import annotations

import pytest

from alerting.emitter import Spoken, said
from alerting.events import Emission, Ev, Event, encode
from line.log import AlarmMessage

EVENTS = [Event(t=number, alarm="H", ev=Ev.ACTIVE) for number in range(5)]


def last(input_seq: int, emission: Emission) -> AlarmMessage:
    return AlarmMessage(9, 0, input_seq, encode(emission))


@pytest.mark.parametrize(
    ("message", "input_seq", "first", "unsaid"),
    [
        pytest.param(None, 1, 0, 5, id="a new line: everything"),
        pytest.param(last(7, Emission(7, tuple(EVENTS))), 7, 0, 0, id="said"),
        pytest.param(last(7, Emission(7, tuple(EVENTS))), 8, 0, 5, id="the next one"),
        pytest.param(last(7, Emission(7, tuple(EVENTS[:2]), more=True)), 7, 2, 3, id="cut short: the rest"),
        pytest.param(last(7, Emission(7, tuple(EVENTS[2:4]), first=2, more=True)), 7, 4, 1, id="cut short later"),
        pytest.param(last(7, Emission(7, tuple(EVENTS[2:]), first=2)), 7, 0, 0, id="the last part"),
        pytest.param(last(7, Emission(7, (), first=2, more=True)), 7, 2, 3, id="taken over by one that said nothing"),
        pytest.param(last(7, Emission(7, tuple(EVENTS[:2]), more=True)), 6, 0, 0, id="before it"),
        pytest.param(last(7, Emission(7, tuple(EVENTS[:2]), more=True)), 8, 0, 5, id="after it"),
    ],
)
def test_what_is_still_to_be_said(message: AlarmMessage | None, input_seq: int, first: int, unsaid: int) -> None:
    place, rest = said(message).unsaid(input_seq, EVENTS)
    assert (place, len(rest)) == (first, unsaid)
    assert list(rest) == EVENTS[len(EVENTS) - unsaid :]


def test_a_snapshot_waits_for_the_input_that_was_said_last() -> None:
    assert Spoken(6, 7, 2).up_to == 7
    assert Spoken(7).up_to == 7
