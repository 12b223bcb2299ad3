"""Who may send what: gateways and tags of the site, and what is kept of the rest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ingest.decode import RawReadings, Reason, Refusal
from ingest.validate import KEPT, SINGLY, Arrival, Port, Topic, admit, rejects, topic_of, wiring
from tests.unit.ingest.sites import small_site

WIRING = wiring(small_site())


def port(gateway: str) -> Port:
    found = WIRING.port(Topic("E1", gateway, "readings"))
    assert isinstance(found, Port)
    return found


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("hazard/v1/NONE/GW1/readings", Reason.UNKNOWN_ENTERPRISE),
        ("hazard/v1/E1/NONE/readings", Reason.UNKNOWN_GATEWAY),
        ("hazard/v1/platform/GW1/readings", Reason.UNKNOWN_ENTERPRISE),
        ("hazard/v1/e1/GW1/readings", Reason.UNKNOWN_ENTERPRISE),
        ("hazard/v1/EX/GW2/readings", Reason.UNKNOWN_GATEWAY),
    ],
)
def test_the_topic_is_the_identity(topic: str, reason: Reason) -> None:
    found = topic_of(topic)
    assert found is not None
    assert WIRING.port(found) == reason


@pytest.mark.parametrize("topic", ["", "hazard/v1/E1/readings", "hazard/v2/E1/GW1/readings", "hazard/v1/E1/GW1/x/y"])
def test_other_topics_are_no_gateways(topic: str) -> None:
    assert topic_of(topic) is None


def test_readings_get_the_ids_of_their_points_and_the_rest_its_reason() -> None:
    values: dict[str, float | bool | None] = {"B": 2.5, "ONLY2": 1.0, "A": None, "NOPE": 3.0, "ONLY1": True}
    admitted, refused = admit(RawReadings(5, values, {"B": 64, "ONLY1": 0}), port("GW1"))
    assert admitted.points.tolist() == [2, 1, 4]
    assert np.array_equal(admitted.values, [2.5, np.nan, 1.0], equal_nan=True)
    assert admitted.qualities.tolist() == [64, 0, 0]
    assert [(one.reason, one.tag) for one in refused] == [(Reason.WRONG_GATEWAY, "ONLY2"), (Reason.UNKNOWN_TAG, "NOPE")]


def test_a_gateway_cannot_speak_for_the_platform() -> None:
    _, refused = admit(RawReadings(5, {"platform.offline.GW1": 0.0}, {}), port("GW1"))
    assert [one.reason for one in refused] == [Reason.UNKNOWN_TAG]


ARRIVAL = Arrival("hazard/v1/E1/GW1/readings", b"x" * 100_000, 100_000, 7)
TOPIC = Topic("E1", "GW1", "readings")


def test_of_a_refused_payload_the_begin_is_kept_with_size_and_digest() -> None:
    (kept,) = rejects(ARRIVAL, TOPIC, [(Refusal(Reason.NOT_JSON, "why"), None)])
    assert (kept.reason, kept.topic, kept.at_ms, kept.size) == ("not_json", ARRIVAL.topic, 7, 100_000)
    assert kept.payload == b"x" * KEPT
    assert len(kept.sha256) == 64
    assert (kept.enterprise, kept.gateway, kept.tag) == ("E1", "GW1", "")


def test_of_a_refused_reading_its_own_part_is_kept() -> None:
    (kept,) = rejects(ARRIVAL, TOPIC, [(Refusal(Reason.UNKNOWN_TAG, "why", 'T"1', "3.5"), 99)])
    assert json.loads(kept.payload) == {"ts": 99, "values": {'T"1': 3.5}}
    assert kept.tag == 'T"1'


def test_a_message_of_nonsense_cannot_fill_the_line() -> None:
    many: list[tuple[Refusal, int | None]] = [
        (Refusal(Reason.UNKNOWN_TAG, "why", f"T{n}", "1"), 1) for n in range(9_000)
    ]
    many += [(Refusal(Reason.WRONG_TYPE, "no object"), None)] * 9_000
    kept = list(rejects(ARRIVAL, TOPIC, many))
    assert len(kept) == SINGLY + 2
    assert "8999 objects more" in kept[0].detail
    assert f"{9_000 - SINGLY} readings more" in kept[-1].detail


def test_text_that_no_database_holds_is_made_harmless() -> None:
    (kept,) = rejects(ARRIVAL, TOPIC, [(Refusal(Reason.UNKNOWN_TAG, "\0\ud800", "a\0b\ud800", "1"), 1)])
    assert "\0" not in kept.tag + kept.detail
    (kept.tag + kept.detail).encode()
