"""The broker's locks, judged by what is delivered: a return code proves nothing, a refused publish is confirmed too."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.system.platform import Platform, until

GOOD = {"values": {"T20": 1.0}}


@contextmanager
def intruder(
    platform: Platform, name: str, password: str, client_id: str = "", will: tuple[str, bytes] | None = None
) -> Iterator[tuple[paho.Client, list[str]]]:
    """A client with a name and a password; the list holds the topics of all it is given to read."""
    heard: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    if name:
        client.username_pw_set(name, password)
    if will:
        client.will_set(will[0], will[1], qos=1)
    done = threading.Event()
    client.on_connect = lambda *_: done.set()
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    client.connect("127.0.0.1", platform.mqtt_port)
    client.loop_start()
    done.wait(5)
    yield client, heard
    client.loop_stop()


def stored(platform: Platform, tag: str) -> int:
    return int(platform.rows(f"SELECT count(*) FROM hazardwatch.reading WHERE tag = '{tag}'")[0][0])


def rejected(platform: Platform) -> int:
    return int(platform.rows("SELECT count(*) FROM hazardwatch.reject")[0][0])


def after_a_good_reading(platform: Platform, credential: tuple[str, str], tag: str = "T21") -> None:
    """Whatever was sent before has gone through the line once this reading is stored."""
    before = stored(platform, tag)
    with intruder(platform, *credential) as (client, _):
        client.publish("hazard/v1/E1/GW2/readings", json.dumps({"values": {tag: 1.0}}), qos=1).wait_for_publish(5)
    until(lambda: stored(platform, tag) > before, 10, "the good reading is stored")


@pytest.fixture(scope="module")
def credential(platform: Platform) -> tuple[str, str]:
    return platform.credential("E1", "GW2")


@pytest.mark.parametrize(
    "topic",
    [
        "hazard/v1/E1/GW1/readings",
        "hazard/v1/E2/GW9/readings",
        "hazard/v1/E1/GW2/confirmed",
        "hazard/v1/E1/GW1/status",
        "hw/input/0/batch",
        "hw/alarm/0",
        "$JS/API/STREAM/DELETE/INPUT",
        "$JS/API/STREAM/PURGE/ALARM",
        "$KV/accounts/user/root",
        "$MQTT/JSA/anything",
        "$SYS/REQ/SERVER/PING",
    ],
)
def test_a_publish_on_a_foreign_topic_reaches_nobody(
    platform: Platform, credential: tuple[str, str], topic: str
) -> None:
    before = (stored(platform, "T20"), rejected(platform))
    with intruder(platform, *credential) as (client, _):
        client.publish(topic, json.dumps(GOOD), qos=1)
        client.publish("hazard/v1/E1/GW2/readings", json.dumps({"values": {"T22": 1.0}}), qos=1)
    after_a_good_reading(platform, credential)
    assert (stored(platform, "T20"), rejected(platform)) == before
    assert platform.ready()


@pytest.mark.parametrize(
    "topic", ["#", "hazard/v1/+/+/readings", "hazard/v1/E1/GW1/#", "$SYS/#", "hw/#", "+/#", "$KV/#"]
)
def test_a_wildcard_hears_nothing_of_others(platform: Platform, credential: tuple[str, str], topic: str) -> None:
    with intruder(platform, *credential) as (client, heard):
        client.subscribe(topic, qos=1)
        other = platform.credential("E1", "GW1")
        with intruder(platform, *other) as (neighbour, _):
            neighbour.publish("hazard/v1/E1/GW1/readings", json.dumps({"values": {"T23": 1.0}}), qos=1)
        after_a_good_reading(platform, credential)
        assert not [topic for topic in heard if "GW2" not in topic]


def test_a_will_on_a_foreign_topic_is_not_executed(platform: Platform, credential: tuple[str, str]) -> None:
    before = stored(platform, "T20")
    will = ("hazard/v1/E1/GW1/readings", json.dumps(GOOD).encode())
    with intruder(platform, *credential, will=will) as (client, _):
        client._sock_close()  # gone without a word, so that the broker speaks the will
    after_a_good_reading(platform, credential)
    assert stored(platform, "T20") == before


def test_a_retained_reading_is_taken_once_and_not_again_as_fresh(
    platform: Platform, credential: tuple[str, str]
) -> None:
    t = int(time.time() * 1000)
    with intruder(platform, *credential) as (client, _):
        body = json.dumps({"ts": t, "values": {"T24": 5.0}})
        client.publish("hazard/v1/E1/GW2/readings", body, qos=1, retain=True).wait_for_publish(5)
    until(lambda: stored(platform, "T24") == 1, 10, "stored once")
    platform.kill("ingest")
    until(platform.ready, 15, "ready again")
    after_a_good_reading(platform, credential)
    assert stored(platform, "T24") == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("", ""), ("E1.GW2", "wrong"), ("platform", ""), ("ingest", "ingest"), ("E1.GW2.x", "wrong")],
    ids=["nobody", "wrong password", "our own name", "ingest's name", "another name"],
)
def test_who_has_no_credential_delivers_nothing(platform: Platform, name: str, password: str) -> None:
    before = stored(platform, "T20")
    with intruder(platform, name, password) as (client, heard):
        client.subscribe("#", qos=1)
        client.publish("hazard/v1/E1/GW2/readings", json.dumps(GOOD), qos=1)
        assert not client.is_connected() or not heard
    after_a_good_reading(platform, platform.credential("E1", "GW2"))
    assert stored(platform, "T20") == before


def test_a_gateway_s_credential_does_not_open_the_platform_s_own_door(
    platform: Platform, credential: tuple[str, str]
) -> None:
    import asyncio

    from line.log import Line, Unavailable

    port = json.loads((platform.data_dir / "run" / "platform.json").read_text())["nats_url"].rpartition(":")[2]
    name, password = credential
    with pytest.raises(Unavailable):
        asyncio.run(Line.connect(f"nats://{name}:{password}@127.0.0.1:{port}", name="intruder", timeout=3))
    with pytest.raises(Unavailable):
        asyncio.run(Line.connect(f"nats://127.0.0.1:{port}", name="intruder", timeout=3))
