"""kill -9 of each role and each embedded server in turn, while 1,000 readings a second flow."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import PostgresServer
from tests.system.platform import (
    PASSWORD,
    ROLES,
    SERVERS,
    GatewayClient,
    Platform,
    Sink,
    site_with_contact,
    until,
)

MILLIS = "(extract(epoch FROM {}) * 1000)::bigint"
WIDTH = 20  # readings in a message
RATE = 50  # messages a second
TAGS = [f"T{n:02d}" for n in range(2, 2 + WIDTH)]


class Load(threading.Thread):
    """1,000 readings a second, and on one tag a wave that crosses its limit every two seconds."""

    def __init__(self, gateway: GatewayClient) -> None:
        super().__init__(daemon=True)
        self.gateway = gateway
        self.sent: dict[int, tuple[int, dict[str, float]]] = {}
        self.ending = threading.Event()

    def run(self) -> None:
        begun, number = time.time(), 0
        while not self.ending.is_set():
            due = begun + number / RATE
            time.sleep(max(0.0, due - time.time()))  # a load has a rate
            t = int(due * 1000)
            values = {tag: math.sin(number / 50 + place) for place, tag in enumerate(TAGS)}
            if number % RATE == 0:
                values["WAVE"] = 100.0 if (number // RATE) % 2 else 0.0
            self.sent[self.gateway.publish({"ts": t, "values": values})] = (t, values)
            number += 1

    def finish(self) -> None:
        self.ending.set()
        self.join()
        until(lambda: len(self.gateway.confirmed) >= len(self.sent), 30, "every message confirmed in the end")


def stored_after(platform: Platform, t: int) -> bool:
    """Whether the database holds a reading of later than half a second after `t`."""
    found = platform.rows(
        "SELECT (extract(epoch FROM max(t)) * 1000)::bigint FROM hazardwatch.reading WHERE tag = 'T02'"
    )
    return bool(found and found[0][0] and found[0][0] > t + 500)


@pytest.mark.timeout(240)
def test_nothing_is_lost_or_doubled_whatever_is_killed(own_platform: Platform) -> None:
    platform = own_platform
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as gateway:
        load = Load(gateway)
        load.start()
        for victim in (*ROLES, *SERVERS):
            time.sleep(1)  # under load for a while
            gone = platform.kill(victim)
            killed = time.monotonic()
            newest = max(t for t, _ in load.sent.values())
            until(
                functools.partial(stored_after, platform, newest),
                10,
                f"readings stored after the kill of {victim}\n{platform.log()[-3000:]}",
            )
            until(platform.ready, 10, f"ready after the kill of {victim}")
            assert time.monotonic() - killed < 10, victim
            assert platform.child(victim), f"{victim} does not run"
            assert platform.child(victim).pid != gone  # type: ignore[union-attr]  # asserted above
        load.finish()
    everything_is_there_once(platform, load)


def everything_is_there_once(platform: Platform, load: Load) -> tuple[int, int]:
    """Compares the database with what was sent; returns how many readings and alarms there were."""
    expected = {(tag, t): value for t, values in load.sent.values() for tag, value in values.items()}
    until(
        lambda: (
            platform.rows(
                "SELECT count(*) FROM hazardwatch.reading WHERE enterprise = 'E1' AND tag NOT LIKE 'platform%'"
            )
            == [(len(expected),)]
        ),
        20,
        f"{len(expected)} readings stored",
    )
    stored = platform.rows(
        "SELECT tag, (extract(epoch FROM t) * 1000)::bigint, value FROM hazardwatch.reading"
        " WHERE enterprise = 'E1' AND tag NOT LIKE 'platform%'"
    )
    assert {(tag, int(t)): value for tag, t, value in stored} == expected

    waves = sorted((t, values["WAVE"]) for t, values in load.sent.values() if "WAVE" in values)
    crests = [t for (t, value), (_, before) in zip(waves[1:], waves, strict=False) if value > before]
    events = f"SELECT {MILLIS.format('t')} FROM hazardwatch.alarm_event WHERE tag = 'WAVE' AND ev = 'ACTIVE'"
    until(lambda: len(platform.rows(events)) >= len(crests), 15, f"{len(crests)} alarms in the journal")
    raised = sorted(platform.rows(events))
    assert [int(t) for (t,) in raised] == crests
    return len(expected), len(crests)


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.mark.timeout(180)
def test_alarms_live_while_the_database_is_away_and_history_is_complete_afterwards(
    tmp_path: Path, sink: Sink, database: PostgresServer
) -> None:
    platform = Platform(tmp_path, environment={"HAZARDWATCH_DATABASE_URL": database.url})
    platform.start()
    try:
        platform.wait_until_ready()
        platform.set_up(site_with_contact(tmp_path, sink.port))
        away_and_back(platform, database)
    finally:
        platform.stop()


def away_and_back(platform: Platform, database: PostgresServer) -> None:
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as gateway:
        t = int(time.time() * 1000)
        gateway.wait_for(gateway.publish({"ts": t, "values": {"T30": 1}}))
        database.stop()
        for role in ROLES:
            platform.kill(role)
        until(
            lambda: platform.ready() and "database" in httpx2.get(f"{platform.url}/readyz").text, 20, "degraded, said"
        )

        with httpx2.Client(base_url=f"{platform.url}/api/v1", headers={"Origin": platform.url}, timeout=10) as browser:
            assert browser.post("/login", json={"username": "op", "password": PASSWORD}).status_code == 200
            gateway.wait_for(gateway.publish({"ts": t + 1000, "values": {"T30": 99}}))
            alarm = until(
                lambda: [a for a in browser.get("/alarms").json()["items"] if a["tag"] == "T30" and a["alarm"] == "HH"],
                10,
                "the alarm is listed without a database",
            )[0]
            until(
                lambda: [n for n in platform.get("/notifications")["items"] if n["tag"] == "T30"],
                10,
                "somebody is told",
            )
            answer = browser.post(f"/alarms/{alarm['alarm_id']}/ack", json={})
            assert answer.status_code == 200, answer.text
            history = browser.get(f"/tags/E1/T30/history?from={t}&to={t + 5000}&points=10")
            assert history.status_code == 503, history.text
    database.start()
    until(
        lambda: (
            platform.rows("SELECT value FROM hazardwatch.reading WHERE tag = 'T30' ORDER BY t") == [(1.0,), (99.0,)]
        ),
        30,
        "the history is complete",
    )
    until(
        lambda: (
            {ev for (ev,) in platform.rows("SELECT ev FROM hazardwatch.alarm_event WHERE tag = 'T30'")}
            >= {"ACTIVE", "ACK"}
        ),
        15,
        "the journal is complete",
    )
