"""What the tests of ingest need around it: brokers, a line with a small site, a role that runs in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from ingest import service
from ingest.mqtt import Broker
from line import messages
from line.log import Line
from line.messages import Batch, RegistryChange
from registry.site import Site
from registry.store import _put
from tests.integration.ingest.brokers import MOSQUITTO, Mosquitto, NatsBroker
from tests.unit.ingest.sites import small_site

T = TypeVar("T")


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsBroker]:
    """The line's server, which here is a broker too."""
    server = NatsBroker(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["embedded", "mosquitto"])
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The embedded broker, then Debian's."""
    if request.param == "embedded":
        yield request.getfixturevalue("nats_server").mqtt_url
        return
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker.mqtt_url
    broker.stop()


@pytest.fixture
async def site(line: Line) -> Site:
    """A small site in force on the line."""
    return await put_in_force(line, small_site())


async def put_in_force(line: Line, site: Site, *, before: int = 0, revision: int = 0) -> Site:
    version = await _put(line, site, before, revision, by="test", reason="test", at_ms=0)
    await line.append(RegistryChange(version, 0))
    return site


@asynccontextmanager
async def ingesting(line: Line, url: str, *, client_id: str = "ingest-secret") -> AsyncIterator[asyncio.Event]:
    """The role at work inside; afterwards it has ended."""
    stop = asyncio.Event()
    role = asyncio.create_task(service.run(line, Broker.at(url, client_id=client_id), stop=stop))
    try:
        await until(lambda: status_says(line, b'"session":true'), "ingest has its session")
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(role, 15)


async def status_says(line: Line, text: bytes, role: str = "ingest") -> bool:
    found = await line.get("roles", role)
    return found is not None and text in found[0]


async def until(asked: Callable[[], Awaitable[T]], saying: str, seconds: float = 15) -> T:
    """Asks again until the answer is true; real servers need real time."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        answer = await asked()
        if answer:
            return answer
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s: {saying}"
        await asyncio.sleep(0.05)


async def batches(line: Line, after: int = 0) -> list[Batch]:
    """All batches that are on INPUT now."""
    last = await line.last_input()
    found: list[Batch] = []
    if last <= after:
        return found
    stream = line.inputs(after)
    async for list_ in stream:
        for message in list_:
            decoded = messages.decode(message.kind, message.payload)
            if isinstance(decoded, Batch):
                found.append(decoded)
        if list_[-1].seq >= last:
            break
    await stream.aclose()
    return found


async def stored(line: Line) -> dict[tuple[int, int], list[float]]:
    """What gateways' readings are on INPUT: (point, time) -> values, in order."""
    found: dict[tuple[int, int], list[float]] = {}
    for batch in await batches(line):
        own = batch.gateways[batch.message] >= 0
        for point, t, value in zip(
            batch.points[own].tolist(), batch.t_ms[own].tolist(), batch.values[own].tolist(), strict=True
        ):
            found.setdefault((point, t), []).append(value)
    return found
