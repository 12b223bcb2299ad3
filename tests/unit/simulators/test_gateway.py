"""Readings as messages: neighbours share an object, nothing is lost on the way, no message is too large."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from simulators.gateway import MOST_IN_FLIGHT, MOST_KEPT, Account, GatewayClient, messages, payload
from simulators.reading import Reading

READINGS = st.lists(st.builds(Reading, st.integers(0, 50), st.sampled_from("ABC"), st.none() | st.floats(-9, 9)))
ACCOUNT = Account("E1", "GW1", "E1.GW1", "secret")


def unpacked(objects: list[dict[str, object]]) -> list[tuple[object, str, object]]:
    return [(one["ts"], tag, value) for one in objects for tag, value in one["values"].items()]  # type: ignore[attr-defined]  # JSON


def test_neighbours_of_one_time_share_an_object() -> None:
    readings = [Reading(1, "A", 1.0), Reading(1, "B", None, 0), Reading(2, "A", 2.0)]
    assert payload(readings) == [
        {"ts": 1, "values": {"A": 1.0, "B": None}, "quality": {"B": 0}},
        {"ts": 2, "values": {"A": 2.0}},
    ]


def test_a_tag_that_comes_twice_at_one_time_gets_two_objects() -> None:
    readings = [Reading(1, "A", 1.0), Reading(1, "A", 1.0), Reading(1, "B", 2.0)]
    assert payload(readings) == [{"ts": 1, "values": {"A": 1.0}}, {"ts": 1, "values": {"A": 1.0, "B": 2.0}}]


@given(READINGS, st.integers(60, 400))
def test_readings_keep_their_order_over_however_many_messages(readings: list[Reading], most_bytes: int) -> None:
    texts = list(messages(readings, most_bytes))
    assert [row for text in texts for row in unpacked(json.loads(text))] == [
        (one.t_ms, one.tag, one.value) for one in readings
    ]
    assert all(len(text) <= most_bytes or len(json.loads(text)) == 1 for text in texts)


def test_no_readings_are_no_message() -> None:
    assert list(messages([])) == []


def test_a_client_id_has_no_dot() -> None:
    assert ACCOUNT.client_id == "E1-GW1"
    assert ACCOUNT.topic("readings") == "hazard/v1/E1/GW1/readings"


def test_while_the_broker_is_away_sending_goes_on_and_the_oldest_are_counted_as_lost(unused_port: int) -> None:
    client = GatewayClient(ACCOUNT, "127.0.0.1", unused_port)
    try:
        for number in range(MOST_IN_FLIGHT + MOST_KEPT + 5):
            client.send([Reading(number, "A", 1.0)])
            client.live()
        assert client.is_behind
        # one of those in flight is the status
        assert client.lost == 6
        assert client.unconfirmed == MOST_IN_FLIGHT + MOST_KEPT
    finally:
        client.close()
