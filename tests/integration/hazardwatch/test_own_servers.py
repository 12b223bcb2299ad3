"""Servers of somebody's own instead of the embedded ones: a broker, a NATS server, a database."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import psutil
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hazardwatch.doors import mark_of
from tests.conftest import NatsServer, free_port, wait_until_open
from tests.integration.hazardwatch.platform import Up, said

DEMO = Path("registry/demo")
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A mosquitto with a password, that keeps what it confirms; its URL."""
    if MOSQUITTO is None:
        pytest.skip("no mosquitto on this machine (Debian: apt-get install mosquitto)")
    port = free_port()
    (tmp_path / "users").write_text("ingest:secret\n")
    subprocess.run(["mosquitto_passwd", "-U", tmp_path / "users"], check=True, capture_output=True)
    (tmp_path / "users").chmod(0o644)
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\npassword_file {tmp_path}/users\nuser root\n")
    with subprocess.Popen([MOSQUITTO, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until_open(port, process)
        yield f"mqtt://ingest:secret@127.0.0.1:{port}"
        process.terminate()


def publish(address: str, user: str, secret: str) -> None:
    host, _, port = address.rpartition(":")
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(user, secret)
    client.connect(host, int(port))
    client.loop_start()
    body = {"ts": int(time.time() * 1000), "values": {"TK101.GD1": 1.5}}
    client.publish("hazard/v1/EASTOIL/GW1/readings", json.dumps(body), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def stored(up: Up) -> bool:
    with psycopg.connect(up.platform()["database_url"]) as connection:
        row = connection.execute("SELECT count(*) FROM hazardwatch.reading WHERE tag = 'TK101.GD1'").fetchone()
    return bool(row and row[0])


def servers(up: Up) -> set[str]:
    return {child.name() for child in psutil.Process(up.process.pid).children()} & {"nats-server", "postgres"}


def test_a_broker_of_one_s_own(tmp_path: Path, broker: str) -> None:
    up = Up(tmp_path, "--mqtt-url", broker)
    up.database_ready().says("subscribed")
    said(up, "site", "import", str(DEMO))
    publish(broker.rpartition("@")[2], "ingest", "secret")
    up.until(lambda: stored(up))
    assert servers(up) == {"nats-server", "postgres"}
    assert up.stop() == 0


def test_a_nats_server_and_a_database_of_one_s_own(tmp_path: Path, nats_server: NatsServer, database_url: str) -> None:
    up = Up(tmp_path, "--nats-url", nats_server.url, "--database-url", database_url)
    up.database_ready().says("subscribed")
    said(up, "site", "import", str(DEMO))
    user, secret = said(up, "gateway", "credential", "EASTOIL", "GW1")[-1].split()
    publish(up.platform()["mqtt_address"], user, secret)
    up.until(lambda: stored(up))
    assert servers(up) == {"nats-server"}  # for its broker alone
    assert up.stop() == 0


def test_a_database_that_has_answered_once_may_be_away_at_the_next_start(tmp_path: Path, database_url: str) -> None:
    """The alarms of a machine that starts again do not wait for its database."""
    with_database = Up(tmp_path, "--database-url", database_url)
    with_database.says("subscribed").database_ready()
    assert with_database.stop() == 0
    answered = tmp_path / "data" / "run" / "answered"
    dead = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    answered.write_text(answered.read_text() + "\n" + mark_of("database_url", dead))
    again = Up(tmp_path, "--database-url", dead)
    again.says("does not answer; starting without it").says("subscribed", 2)
    assert again.stop() == 0
