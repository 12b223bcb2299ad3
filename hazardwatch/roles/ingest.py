"""The role `ingest`: the broker's messages to the line."""

from __future__ import annotations

import asyncio

from hazardwatch.faults import Fault
from hazardwatch.roles.process import run
from hazardwatch.running import Running
from hazardwatch.settings import Settings
from ingest.mqtt import Broker
from ingest.service import run as ingest
from line.log import Line


def main(settings: Settings) -> None:
    async def work(line: Line, running: Running, stop: asyncio.Event) -> None:
        if not running.mqtt_url:
            raise Fault("mqtt_url: is not set, and no platform runs here that has a broker of its own")
        own = settings.tls_cert if "mqtt" in running.embedded else None
        broker = Broker.at(running.mqtt_url, client_id=running.mqtt_client_id, ca_file=own, pinned=own is not None)
        await ingest(line, broker, stop=stop)

    run("ingest", settings, work)
