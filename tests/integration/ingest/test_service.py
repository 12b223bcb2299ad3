"""The role ingest between a real broker and a real line: kept first, confirmed then, whatever comes, whoever dies."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest

from ingest import service
from ingest.mqtt import Broker
from line.clock import SteadyClock
from line.log import Line
from line.messages import Batch, Reject
from line.streams import Limits
from registry.platform import numbered
from registry.site import Site, Tag
from tests.integration.ingest.brokers import GatewayClient, NatsBroker
from tests.integration.ingest.conftest import batches, ingesting, put_in_force, status_says, stored, until


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def rejects(line: Line) -> list[Reject]:
    return [one for batch in await batches(line) for one in batch.rejects]


async def publish(gateway: GatewayClient, payload: object, **more: object) -> None:
    await asyncio.to_thread(gateway.publish, payload, **more)  # type: ignore[arg-type]  # passed on


async def confirmed(gateway: GatewayClient, ident: str, seconds: float = 10) -> dict[str, object]:
    """What the platform says of an object once it is on the line."""
    await asyncio.to_thread(
        gateway.wait_until_confirmed, lambda told: any(body["id"] == ident for _, body in told), seconds
    )
    return next(body for _, body in gateway.confirmed if body["id"] == ident)


async def test_a_reading_is_on_the_line_when_it_is_confirmed(line: Line, site: Site, broker_url: str) -> None:
    async with ingesting(line, broker_url):
        with GatewayClient(broker_url, "gw") as gateway:
            t = now_ms()
            await publish(gateway, {"ts": t, "values": {"A": 1.5, "B": True}, "id": "a1"})
            assert await confirmed(gateway, "a1") == {"id": "a1", "stored": 2, "rejected": 0}
            assert await stored(line) == {(1, t): [1.5], (2, t): [1.0]}
            await publish(gateway, {"ts": t, "values": {"A": 1.5, "B": True}, "id": "a1"})
            await asyncio.to_thread(gateway.wait_until_confirmed, lambda told: len(told) == 2)
            assert gateway.confirmed[0] == gateway.confirmed[1], "also for a repeat"
            found = [batch for batch in await batches(line) if batch.gateways.tolist() == [1]]
            assert found[0].hashes.tolist() == found[1].hashes.tolist() != [0]


async def test_nothing_is_confirmed_while_the_line_is_full_and_all_is_kept_afterwards(
    line: Line, site: Site, nats_server: NatsBroker
) -> None:
    url, t = nats_server.mqtt_url, now_ms()
    async with ingesting(line, url):
        with GatewayClient(url, "gw") as gateway:
            await publish(gateway, {"ts": t, "values": {"A": 1}, "id": "first"})
            await confirmed(gateway, "first")
            await line.ensure(Limits(input_bytes=(await line.usage()).input_bytes + 1, alarm_bytes=64 << 20))
            await publish(gateway, {"ts": t + 5, "values": {"B": 7}, "id": "waits"})
            await until(lambda: status_says(line, b'"degraded":["input-full"]'), "says that it is full")
            await publish(gateway, {"ts": t + 6, "values": {"B": 8}, "id": "waits too"})
            assert [body["id"] for _, body in gateway.confirmed] == ["first"]
            assert set(await stored(line)) == {(1, t)}
            await line.ensure(Limits(input_bytes=64 << 20, alarm_bytes=64 << 20))
            assert (await confirmed(gateway, "waits too"))["stored"] == 1
            assert await stored(line) == {(1, t): [1.0], (2, t + 5): [7.0], (2, t + 6): [8.0]}

            async def well() -> bool:
                return not await status_says(line, b'"degraded"')

            await until(well, "not degraded any more")


async def test_it_ends_in_time_also_when_nothing_can_be_kept(line: Line, site: Site, nats_server: NatsBroker) -> None:
    url, t = nats_server.mqtt_url, now_ms()
    with GatewayClient(url, "gw") as gateway:
        async with ingesting(line, url):
            await line.ensure(Limits(input_bytes=(await line.usage()).input_bytes + 1, alarm_bytes=64 << 20))
            await publish(gateway, {"ts": t, "values": {"A": 1}})
            await until(lambda: status_says(line, b'"input-full"'), "full")
        await line.ensure(Limits(input_bytes=64 << 20, alarm_bytes=64 << 20))
        async with ingesting(line, url):

            async def kept() -> bool:
                return await stored(line) == {(1, t): [1.0]}

            await until(kept, "what was in hand comes again")


async def test_killed_between_keeping_and_confirming_it_is_given_the_message_again(
    line: Line, site: Site, nats_server: NatsBroker
) -> None:
    """The first role dies after the append; its successor gets all anew, and the line shows it is the same."""
    url = nats_server.mqtt_url
    with GatewayClient(url, "gw") as gateway:
        async with ingesting(line, url):
            pass  # the session is there from now on
        sent = {now_ms() + n: float(n) for n in range(20)}
        for t, value in sent.items():
            await publish(gateway, {"ts": t, "values": {"A": value}, "id": f"i{value}"})

        dying = service.Ingest(line, Broker.at(url, client_id="ingest-secret"), await SteadyClock.open(line))
        dying._subscriber.confirm = list  # type: ignore[assignment]  # as if killed just before
        stop = asyncio.Event()
        role = asyncio.create_task(dying.run(stop))

        async def all_kept() -> bool:
            return len(await stored(line)) == len(sent)

        await until(all_kept, "kept")
        role.cancel()
        await asyncio.wait([role])
        told_early = [body["id"] for _, body in gateway.confirmed]

        async with ingesting(line, url):

            async def all_again() -> bool:
                return all(len(values) == 2 for values in (await stored(line)).values())

            await until(all_again, "redelivered")
            await asyncio.to_thread(gateway.wait_until_confirmed, lambda told: len(told) >= len(told_early) + 20)
        assert {body["id"] for _, body in gateway.confirmed} == {f"i{value}" for value in sent.values()}
        assert {body["stored"] for _, body in gateway.confirmed} == {1}, "what is confirmed is on the line"
        assert {t: values for (_, t), values in (await stored(line)).items()} == {t: [v, v] for t, v in sent.items()}
        hashes = [h for batch in await batches(line) for h in batch.hashes.tolist() if h]
        assert len(hashes) == 40
        assert len(set(hashes)) == 20, "each repeat can be known by its hash"
        async with ingesting(line, url):
            await asyncio.sleep(2.5)  # longer than ack_wait: nothing must come
        assert len([h for batch in await batches(line) for h in batch.hashes.tolist() if h]) == 40


async def test_each_object_of_an_array_is_confirmed_and_an_id_that_is_too_long_costs_only_that(
    line: Line, site: Site, broker_url: str
) -> None:
    t = now_ms()
    objects = [
        {"ts": t, "values": {"A": 1}, "id": "one"},
        {"ts": t + 1, "values": {"A": 2}},
        {"ts": t + 2, "values": {"A": 3, "NOPE": 1, "B": "x"}, "id": "é" * 64},
        {"ts": t + 3, "values": {"A": 4}, "id": "x" * 65},
        {"ts": t + 4, "values": {"A": 5}, "id": 7},
        {"values": 5, "id": "no object"},
        {"ts": t + 5, "values": {}, "id": "nothing"},
    ]
    wanted: dict[object, dict[str, object]] = {
        "one": {"id": "one", "stored": 1, "rejected": 0},
        "é" * 64: {"id": "é" * 64, "stored": 1, "rejected": 2},
        "no object": {"id": "no object", "stored": 0, "rejected": 1},
        "nothing": {"id": "nothing", "stored": 0, "rejected": 0},
    }
    async with ingesting(line, broker_url):
        with GatewayClient(broker_url, "gw") as gateway:
            for _ in range(2):  # a repeat is confirmed like the first
                await publish(gateway, objects)
                await confirmed(gateway, "nothing")
            await asyncio.to_thread(gateway.wait_until_confirmed, lambda told: len(told) == 8)
            assert {str(body["id"]): body for _, body in gateway.confirmed} == wanted
            assert {topic for topic, _ in gateway.confirmed} == {"hazard/v1/E1/GW1/confirmed"}
            assert sorted(t_ms - t for _, t_ms in await stored(line)) == [0, 1, 2, 3, 4], (
                "good readings whatever the id"
            )
            reasons = [(one.reason, one.tag) for one in await rejects(line)][:4]
            assert reasons == [("wrong_type", ""), ("wrong_type", "B"), ("unknown_tag", "NOPE"), ("wrong_type", "")]


async def test_nothing_is_lost_when_the_server_of_line_and_broker_dies_under_load(
    line: Line, site: Site, nats_server: NatsBroker
) -> None:
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            begin = now_ms()
            sent = [
                gateway.client.publish(
                    "hazard/v1/E1/GW1/readings", json.dumps({"ts": begin - n, "values": {"A": n}}).encode(), 1
                )
                for n in range(400)
            ]
            await asyncio.sleep(0.05)
            nats_server.kill()
            await asyncio.to_thread(nats_server.start)
            await asyncio.to_thread(sent[-1].wait_for_publish, 20)

            async def all_kept() -> bool:
                return len(await stored(line)) == 400

            await until(all_kept, "all 400", 20)
            assert all(set(values) == {begin - t} for (_, t), values in (await stored(line)).items())


async def test_bad_input_is_kept_with_its_reason_and_stops_nothing(line: Line, site: Site, broker_url: str) -> None:
    t = now_ms()
    sent: list[tuple[str, object, str]] = [
        ("hazard/v1/E1/GW1/readings", b"not json", "not_json"),
        ("hazard/v1/E1/GW1/readings", b"x" * (10 << 20), "too_large"),
        ("hazard/v1/E1/GW1/readings", b"[" * 200_000, "not_json"),
        ("hazard/v1/E1/GW1/readings", {"ts": t, "values": {"A": "NaN"}}, "wrong_type"),
        ("hazard/v1/E1/GW1/readings", {"ts": t, "values": {"A": "3.2"}}, "wrong_type"),
        ("hazard/v1/E1/GW1/readings", {"ts": t, "values": {"NOPE": 1}}, "unknown_tag"),
        ("hazard/v1/E1/GW1/readings", {"ts": t, "values": {"ONLY2": 1}}, "wrong_gateway"),
        ("hazard/v1/E1/GW1/readings", {}, "wrong_type"),
        ("hazard/v1/NONE/GW1/readings", {"ts": t, "values": {"A": 1}}, "unknown_enterprise"),
        ("hazard/v1/E1/NONE/readings", {"ts": t, "values": {"A": 1}}, "unknown_gateway"),
        ("hazard/v1/E1/GW1/status", b"gone", "not_json"),
    ]
    async with ingesting(line, broker_url):
        with GatewayClient(broker_url, "gw") as gateway:
            for topic, payload, _ in sent:
                await publish(gateway, payload, topic=topic)
            await publish(gateway, b'{"ts": %d, "values": {"A": NaN, "B": 2}, "id": "last"}' % t)
            assert await confirmed(gateway, "last") == {"id": "last", "stored": 2, "rejected": 0}
            kept = await rejects(line)
            assert [(one.topic, one.reason) for one in kept] == [(topic, reason) for topic, _, reason in sent]
            assert kept[1].size == 10 << 20
            assert (2, t) in await stored(line)
            counts = b'"rejects":{"not_json":3,"too_large":1,"wrong_type":3,"unknown_tag":1,"wrong_gateway":1'
            await until(lambda: status_says(line, counts), "counted")
            of = b'"E1/GW1 not_json":3,"E1/GW1 too_large":1,"E1/GW1 wrong_type":3,"E1/GW1 unknown_tag":1,'
            assert await status_says(line, of)
            assert await status_says(line, b'"unknown unknown_enterprise":1,"unknown unknown_gateway":1')


async def test_times_that_cannot_be_are_moved_to_the_arrival_and_the_clock_is_named(
    line: Line, site: Site, nats_server: NatsBroker
) -> None:
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            before = now_ms()
            await publish(gateway, {"ts": 4_070_908_800_000, "values": {"A": 1}, "id": "2099"})
            await publish(gateway, {"ts": before // 1000, "values": {"A": 2}, "id": "seconds"})
            await publish(gateway, {"values": {"A": 3}, "id": "none"})
            await confirmed(gateway, "none")
            found = [batch for batch in await batches(line) if 1 in batch.gateways.tolist()]
            times = [t for batch in found for t in batch.t_ms.tolist()]
            assert all(before - 1_000 <= t <= now_ms() + 1_000 for t in times)
            assert sorted(times) == times
            assert len(set(times)) == 3
            assert [c for batch in found for c in batch.clocks.tolist()] == [2, 2, 1]
            assert [s for batch in found for s in batch.source_t_ms.tolist()][:2] == [4_070_908_800_000, before // 1000]

            async def clock_named() -> bool:
                return await said(line, site, "E1/platform.clock.GW1") == [1.0]

            await until(clock_named, "the clock alarm's reading")


async def said(line: Line, site: Site, key: str) -> list[float]:
    """What the platform said of one of its points."""
    point = site.platform_ids[key]
    return [v for batch in await batches(line) for p, v in zip(batch.points, batch.values, strict=True) if p == point]


async def test_gateways_come_and_go(line: Line, site: Site, nats_server: NatsBroker) -> None:
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            await publish(gateway, {"online": True, "ts": 5}, topic="hazard/v1/E1/GW1/status", retain=True)
            await publish(gateway, {"ts": now_ms(), "values": {"ONLY2": 1}}, topic="hazard/v1/E1/GW2/readings")

            async def online() -> bool:
                return await said(line, site, "E1/platform.offline.GW1") == [0.0]

            await until(online, "GW1 is online")
            await publish(gateway, {"online": False}, topic="hazard/v1/E1/GW1/status", retain=True)

            async def will_told() -> bool:
                return await said(line, site, "E1/platform.offline.GW1") == [0.0, 1.0]

            await until(will_told, "its last will counts")

            async def silence_told() -> bool:
                return await said(line, site, "E1/platform.offline.GW2") == [0.0, 1.0]

            await until(silence_told, "GW2 is silent for its 5 s", 12)
            statuses = [(one.gateway, one.online) for batch in await batches(line) for one in batch.statuses]
            assert statuses == [(1, True), (2, True), (1, False), (2, False)]


async def test_a_new_version_of_the_site_counts_at_once(line: Line, site: Site, nats_server: NatsBroker) -> None:
    new = Tag("E1", "TF1", "NEW", "level", "m", h=1.0, id=50)
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            await publish(gateway, {"ts": now_ms(), "values": {"NEW": 1}, "id": "1"})
            assert (await confirmed(gateway, "1"))["rejected"] == 1
            _, revision = await line.get("registry", "head") or (b"", 0)
            version = json.loads((await line.get("registry", "head") or (b"{}", 0))[0])["version"]
            changed = msgspec.structs.replace(site, tags={**site.tags, "E1/NEW": new})
            await put_in_force(line, numbered(changed), before=version, revision=revision)
            await until(lambda: status_says(line, b'"registry":%d' % (version + 1)), "works with it")
            await publish(gateway, {"ts": now_ms(), "values": {"NEW": 1}, "id": "2"})
            assert (await confirmed(gateway, "2"))["stored"] == 1


async def test_without_a_site_everything_is_kept_as_unknown(line: Line, nats_server: NatsBroker) -> None:
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            await publish(gateway, {"ts": 5, "values": {"A": 1}, "id": "x"})
            assert await confirmed(gateway, "x") == {"id": "x", "stored": 0, "rejected": 1}
            assert [one.reason for one in await rejects(line)] == ["unknown_enterprise"]


@pytest.mark.parametrize("qos", [0, 1])
async def test_many_messages_make_few_batches_and_one_alone_does_not_wait(
    line: Line, site: Site, nats_server: NatsBroker, qos: int
) -> None:
    async with ingesting(line, nats_server.mqtt_url):
        with GatewayClient(nats_server.mqtt_url, "gw") as gateway:
            alone = time.monotonic()
            await publish(gateway, {"ts": now_ms(), "values": {"A": 1}, "id": "alone"})
            await confirmed(gateway, "alone")
            assert time.monotonic() - alone < 1
            begin = now_ms()
            for n in range(1000):
                body = json.dumps({"ts": begin - n, "values": {"A": n, "B": n}, **({"id": "e"} if n == 999 else {})})
                gateway.client.publish("hazard/v1/E1/GW1/readings", body.encode(), qos)
            await confirmed(gateway, "e")
            found: list[Batch] = [batch for batch in await batches(line) if 1 in batch.gateways.tolist()]
            assert sum(int((batch.gateways[batch.message] == 1).sum()) for batch in found) == 2001
            assert len(found) < 700
