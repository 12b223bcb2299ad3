"""The whole line once: a reading goes in over MQTT; a row, an alarm on a screen and a call to a telephone come out."""

from __future__ import annotations

import asyncio
import json
import re
import time

import httpx2

from tests.system.platform import PASSWORD, GatewayClient, Platform, Sink, frames, until


async def test_a_reading_becomes_a_row_an_alarm_frame_and_a_call(platform: Platform, sink: Sink) -> None:
    credential = platform.credential("E1", "GW1")
    with GatewayClient(platform, "E1", "GW1", credential) as gateway:
        async with platform.live() as screen:
            hello = json.loads(await screen.recv())
            assert hello["type"] == "hello"
            await screen.send(json.dumps({"type": "subscribe", "alarms": {}, "readings": ["E1/TF1"]}))
            snapshot = await frames(screen, lambda f: f["type"] == "snapshot", 5)
            assert not [alarm for alarm in snapshot["alarms"] if alarm["tag"] == "T01"]

            t = int(time.time() * 1000)
            published = time.monotonic()
            mid = gateway.publish({"ts": t, "values": {"T01": 85.5, "T02": 1.25}, "quality": {"T02": 64}})
            frame = await frames(screen, lambda f: f["type"] == "alarm" and f["event"]["tag"] == "T01", 3)
            live = await frames(screen, lambda f: f["type"] == "readings" and "T02" in f["values"], 3)
            await asyncio.to_thread(gateway.wait_for, mid)

            event = frame["event"]
            assert (event["ev"], event["alarm"], event["state"], event["ann"]) == ("ACTIVE", "H", "UNACK", True)
            assert (event["enterprise"], event["source"], event["limit"], event["unit"]) == ("E1", "TF1", 80.0, "m")
            assert event["value"] == 85.5
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["t"])
            assert live["values"]["T02"][:2] == [1.25, 64]

            call = await asyncio.to_thread(
                until, lambda: [c for c in sink.calls if "T01" in json.dumps(c)], 3, "the telephone rings"
            )
            assert call[0]["at"] - published < 1.5

            link = re.search(r"http://127\.0\.0\.1:\d+/n/[\w\-.~=]+", json.dumps(call[0]))
            assert link, f"no link in {call[0]}"
            page = httpx2.get(link.group(), timeout=5)
            assert page.status_code == 200
            assert "T01" in page.text
            accepted = httpx2.post(link.group(), timeout=5)
            assert accepted.status_code in {200, 303}
            ack = await frames(screen, lambda f: f["type"] == "alarm" and f["event"]["ev"] == "ACK", 3)
            assert ack["event"]["alarm_id"] == event["alarm_id"]
            assert "Night shift" in ack["event"]["user"]
            assert ack["seq"] > frame["seq"]

    stored = until(
        lambda: platform.rows(
            "SELECT value, quality FROM hazardwatch.reading WHERE tag IN ('T01', 'T02') ORDER BY tag"
        ),
        5,
        "the rows are there",
    )
    assert stored == [(85.5, 192), (1.25, 64)]
    history = platform.get(f"/tags/E1/T01/history?from={t - 1000}&to={t + 1000}&points=100")
    assert [row["last"] for row in history["rows"]] == [85.5]
    journal = until(
        lambda: platform.rows("SELECT ev FROM hazardwatch.alarm_event WHERE tag = 'T01' ORDER BY seq"), 5, "journal"
    )
    assert ("ACTIVE",) in journal
    notices = platform.get("/notifications")["items"]
    assert any(notice["contact"] == "Night shift" and notice["accepted"] for notice in notices)


def test_an_operator_logs_in_sees_his_alarm_and_acknowledges_it(platform: Platform) -> None:
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as gateway:
        gateway.wait_for(gateway.publish({"ts": int(time.time() * 1000), "values": {"T03": 95}}))
    with httpx2.Client(base_url=f"{platform.url}/api/v1", headers={"Origin": platform.url}, timeout=10) as browser:
        wrong = browser.post("/login", json={"username": "op", "password": "wrong"})
        assert wrong.status_code == 401
        assert browser.get("/alarms").status_code == 401
        until(
            lambda: browser.post("/login", json={"username": "op", "password": PASSWORD}).status_code == 200,
            10,
            "logged in",
        )
        assert browser.get("/me").json()["username"] == "op"
        items = until(
            lambda: [a for a in browser.get("/alarms").json()["items"] if a["tag"] == "T03"], 5, "the alarm is listed"
        )
        worst = next(alarm for alarm in items if alarm["alarm"] == "HH")
        key = {"Idempotency-Key": "one-click"}
        first = browser.post(f"/alarms/{worst['alarm_id']}/ack", json={"comment": "on my way"}, headers=key)
        assert first.status_code == 200, first.text
        assert first.json()["state"] == "ACKED"
        again = browser.post(f"/alarms/{worst['alarm_id']}/ack", json={"comment": "on my way"}, headers=key)
        assert (again.status_code, again.json()) == (200, first.json())
        refused = browser.post(f"/alarms/{worst['alarm_id']}/ack", json={})
        assert refused.status_code == 409
        assert refused.headers["content-type"].startswith("application/problem+json")
        events = browser.get(f"/alarms/{worst['alarm_id']}/events").json()["items"]
        assert [event["ev"] for event in events if event["ev"] in {"ACTIVE", "ACK"}] == ["ACTIVE", "ACK"]
        assert {event.get("user") for event in events if event["ev"] == "ACK"} == {"op"}
        browser.post("/logout")
        assert browser.get("/me").status_code == 401
