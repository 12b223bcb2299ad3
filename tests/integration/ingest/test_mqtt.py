"""The contract with aiomqtt and paho, on each broker: nothing is confirmed but what we confirm, nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.mqtt import Broker, BrokerError, Subscriber, Taken
from tests.integration.ingest.brokers import MOSQUITTO, GatewayClient, Mosquitto, NatsBroker
from tests.integration.ingest.conftest import until


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def subscribed(url: str, client_id: str = "secret") -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(Broker.at(url, client_id=client_id), now_ms)
    running = asyncio.create_task(subscriber.run())

    async def has_session() -> bool:
        return subscriber.subscribed

    await until(has_session, "subscribed")
    yield subscriber
    subscriber.stop()
    await asyncio.wait_for(running, 10)


async def take(subscriber: Subscriber, count: int, seconds: float = 10) -> list[Taken]:
    taken: list[Taken] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            taken += await subscriber.take(1000, 1 << 20, 0.2)
    return taken


async def take_for(subscriber: Subscriber, seconds: float) -> list[Taken]:
    """All that arrives in this time."""
    taken: list[Taken] = []
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        taken += await subscriber.take(1000, 1 << 20, 0.2)
    return taken


def payloads(taken: list[Taken]) -> list[bytes]:
    return [one.arrival.payload for one in taken]


async def test_what_was_not_confirmed_comes_again_and_what_was_does_not(broker_url: str) -> None:
    with GatewayClient(broker_url, "gw") as gateway:
        async with subscribed(broker_url) as subscriber:
            for number in range(5):
                await asyncio.to_thread(gateway.publish, b"%d" % number)
            taken = await take(subscriber, 5)
            assert payloads(taken) == [b"0", b"1", b"2", b"3", b"4"]
            subscriber.confirm(taken[:3])
        await asyncio.to_thread(gateway.publish, b"5")  # while we are away
        async with subscribed(broker_url) as subscriber:
            again = await take(subscriber, 3)
            assert payloads(again) == [b"3", b"4", b"5"], "older ones first, although the broker sends them last"
            subscriber.confirm(again)
        async with subscribed(broker_url) as subscriber:
            assert await take_for(subscriber, 5.0) == []


async def test_a_broker_that_grows_impatient_does_not_double_what_is_in_hand(nats_server: NatsBroker) -> None:
    with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
        async with subscribed(nats_server.mqtt_url) as subscriber:
            await asyncio.to_thread(gateway.publish, b"1")
            taken = await take(subscriber, 1)

            async def repeated() -> bool:
                return subscriber.repeats > 0

            await until(repeated, "redelivered after ack_wait")
            assert subscriber.waiting == 0
            subscriber.confirm(taken)
            assert subscriber.in_flight == 0
        async with subscribed(nats_server.mqtt_url) as subscriber:
            assert await take_for(subscriber, 5.0) == []


async def test_a_thousand_messages_arrive_in_order_and_are_confirmed(broker_url: str) -> None:
    with GatewayClient(broker_url, "gw") as gateway:
        async with subscribed(broker_url) as subscriber:

            def send() -> None:
                sent = [gateway.client.publish("hazard/v1/E1/GW1/readings", b"%d" % n, 1) for n in range(1000)]
                sent[-1].wait_for_publish(20)

            sending = asyncio.create_task(asyncio.to_thread(send))
            seen: list[bytes] = []
            async with asyncio.timeout(30):
                while len(seen) < 1000:
                    taken = await subscriber.take(100, 1 << 20, 0.2)
                    seen += payloads(taken)
                    subscriber.confirm(taken)
            await sending
            assert seen == [b"%d" % n for n in range(1000)]
            assert subscriber.in_flight == 0


async def test_ten_megabytes_arrive_as_their_begin_their_size_and_their_digest(broker_url: str) -> None:
    with GatewayClient(broker_url, "gw") as gateway:
        async with subscribed(broker_url) as subscriber:
            await asyncio.to_thread(gateway.publish, b"x" * (10 << 20))
            (taken,) = await take(subscriber, 1)
            assert (len(taken.arrival.payload), taken.arrival.size) == (65_536, 10 << 20)
            assert len(taken.arrival.sha256) == 64
            subscriber.confirm([taken])


async def test_retained_messages_are_marked_on_a_new_subscription_only(broker_url: str) -> None:
    with GatewayClient(broker_url, "gw") as gateway:
        async with subscribed(broker_url) as subscriber:
            await asyncio.to_thread(gateway.publish, b"old", retain=True)
            taken = await take(subscriber, 1)
            assert [one.arrival.retained for one in taken] == [False]
            subscriber.confirm(taken)
        async with subscribed(broker_url) as subscriber:
            taken = await take(subscriber, 1)
            assert [(one.arrival.payload, one.arrival.retained) for one in taken] == [(b"old", True)]
            subscriber.confirm(taken)


async def test_it_comes_back_by_itself_when_the_broker_does(nats_server: NatsBroker) -> None:
    with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
        async with subscribed(nats_server.mqtt_url) as subscriber:
            await asyncio.to_thread(gateway.publish, b"1")
            held = await take(subscriber, 1)
            nats_server.kill()
            await asyncio.to_thread(nats_server.start)
            again = await take(subscriber, 1)
            assert payloads(again) == [b"1"]
            subscriber.confirm([*held, *again])  # that of the lost connection is no longer ours to confirm
            assert subscriber.in_flight == 0


async def test_it_waits_for_a_broker_that_is_not_there_and_says_so() -> None:
    subscriber = Subscriber(Broker.at("mqtt://127.0.0.1:1", client_id="x"), now_ms)
    running = asyncio.create_task(subscriber.run())

    async def refused() -> bool:
        return "refused" in (subscriber.fault or "")

    await until(refused, "says why")
    subscriber.stop()
    await asyncio.wait_for(running, 10)


async def test_reading_pauses_when_too_much_is_in_hand(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.mqtt.MOST_MESSAGES", 10)
    with GatewayClient(broker_url, "gw") as gateway:
        async with subscribed(broker_url) as subscriber:

            def send() -> None:
                for number in range(100):
                    gateway.client.publish("hazard/v1/E1/GW1/readings", b"%d" % number, 0)
                gateway.publish(b"end")

            await asyncio.to_thread(send)
            taken = await take(subscriber, 1)
            assert len(taken) < 60
            while payloads(taken)[-1] != b"end":
                taken += await take(subscriber, 1)
            assert payloads(taken) == [*(b"%d" % number for number in range(100)), b"end"]
            subscriber.confirm(taken)


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Mosquitto with a certificate that nobody has signed: its URL, and the certificate."""
    if MOSQUITTO is None or shutil.which("openssl") is None:
        pytest.skip("mosquitto or openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    broker = Mosquitto(tmp_path)
    with broker.config.open("a") as config:
        config.write(f"keyfile {key}\ncertfile {certificate}\n")
    broker.start()
    yield f"mqtts://localhost:{broker.mqtt_port}", certificate
    broker.stop()


# paho forgets the socket of a handshake that failed; the collector closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_over_tls_it_talks_only_to_the_broker_that_it_trusts(tls_broker: tuple[str, Path]) -> None:
    url, certificate = tls_broker
    trusting = Subscriber(Broker.at(url, client_id="x", ca_file=certificate), now_ms)
    doubting = Subscriber(Broker.at(url, client_id="y"), now_ms)
    running = [asyncio.create_task(one.run()) for one in (trusting, doubting)]

    async def decided() -> bool:
        return trusting.subscribed and "certificate" in (doubting.fault or "").lower()

    await until(decided, "one gets in, the other does not")
    assert not doubting.subscribed
    trusting.stop()
    doubting.stop()
    await asyncio.wait_for(asyncio.gather(*running), 10)


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://host:99999", "mqtt://u:secret@[x"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BrokerError) as refused:
        Broker.at(url, client_id="x")
    assert "secret" not in str(refused.value)


def test_addresses() -> None:
    broker = Broker.at("mqtts://a%40b:p%2Fw@broker.example", client_id="x")
    assert (broker.host, broker.port, broker.username, broker.password, broker.tls) == (
        "broker.example", 8883, "a@b", "p/w", True,
    )  # fmt: skip
    assert Broker.at("mqtt://h", client_id="x").port == 1883
