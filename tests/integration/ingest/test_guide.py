"""The example of docs/gateways.md, run as it stands: what it keeps until it is confirmed arrives, over a kill too."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from line.log import Line
from registry.site import Site
from tests.integration.ingest.brokers import NatsBroker
from tests.integration.ingest.conftest import ingesting, stored, until

GUIDE = Path(__file__).parents[3] / "docs" / "gateways.md"


async def test_the_gateway_of_the_guide_loses_nothing(
    line: Line, site: Site, nats_server: NatsBroker, tmp_path: Path
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "gateway.py").write_text(example)
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(nats_server.mqtt_port),
        "USER": "platform",
        "PASSWORD": nats_server.password,
        "GATEWAY": "E1/GW1",
    }
    async with ingesting(line, nats_server.mqtt_url):
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "gateway.py", cwd=tmp_path, env=environment, stdin=asyncio.subprocess.PIPE
        )
        assert gateway.stdin is not None
        gateway.stdin.write(b"".join(b"A %d\n" % n for n in range(50)))
        await gateway.stdin.drain()

        async def begun() -> bool:
            return bool(await stored(line))

        await until(begun, "the first are on the line")
        nats_server.kill()
        gateway.stdin.write(b"".join(b"B %d\n" % n for n in range(50)))
        gateway.stdin.close()
        await asyncio.to_thread(nats_server.start)
        assert await asyncio.wait_for(gateway.wait(), 40) == 0, "it ends when all is confirmed"
        found = await stored(line)
        values = {(point, value) for (point, _), said in found.items() for value in said}
        with closing(sqlite3.connect(tmp_path / "outbox.db")) as outbox:
            left = outbox.execute("SELECT count(*) FROM outbox").fetchone()
    assert left == (0,)
    assert values == {(point, float(n)) for point in (1, 2) for n in range(50)}
