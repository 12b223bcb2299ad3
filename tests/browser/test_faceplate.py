"""The faceplate: what may be asked of an alarm, by clicking as an operator does, and what the engine answers."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import log_in
from tests.system.platform import GatewayClient, Platform


def now() -> int:
    return int(time.time() * 1000)


def plate(page: Page, alarm: str = "H") -> Locator:
    return page.locator(f'[data-testid="plate"][data-alarm="{alarm}"]')


def open_plate(page: Page, platform: Platform, tag: str) -> None:
    page.goto(f"{platform.url}/tags/E1/{tag}")
    expect(plate(page)).to_be_visible()


def in_state(page: Page, state: str, alarm: str = "H") -> None:
    expect(page.locator(f'[data-testid="plate"][data-alarm="{alarm}"][data-state="{state}"]')).to_be_visible(
        timeout=5000
    )


def test_an_alarm_is_shelved_with_a_reason_listed_as_such_and_comes_back(
    page: Page, platform: Platform, gateway: GatewayClient
) -> None:
    log_in(page, platform)
    gateway.wait_for(gateway.publish({"ts": now(), "values": {"T21": 85}}))
    open_plate(page, platform, "T21")
    in_state(page, "UNACK")
    page.get_by_test_id("shelve-H").click()
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("answer")).to_contain_text("reason")  # the engine's own word
    page.get_by_test_id("reason").fill("instrument is being cleaned")
    page.get_by_test_id("minutes").select_option("15")
    page.get_by_test_id("send").click()
    in_state(page, "SHLVD")
    expect(page.get_by_text("instrument is being cleaned")).to_be_visible()  # in its journal

    page.goto(f"{platform.url}/alarms")
    expect(page.locator('[data-testid="alarm-row"]', has_text="T21")).to_have_count(0)
    page.get_by_test_id("tab-shelved").click()
    row = page.locator('[data-testid="alarm-row"]', has_text="T21")
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    page.get_by_test_id("unshelve-H").click()
    in_state(page, "UNACK")  # it still stands, so it wants to be seen anew
    page.get_by_test_id("ack-H").click()
    page.get_by_test_id("reason").fill("seen")
    page.get_by_test_id("send").click()
    in_state(page, "ACKED")


def test_out_of_service_needs_a_permit_and_a_role(page: Page, platform: Platform, gateway: GatewayClient) -> None:
    log_in(page, platform)
    gateway.wait_for(gateway.publish({"ts": now(), "values": {"T22": 70}}))
    open_plate(page, platform, "T22")
    in_state(page, "NORM")
    page.get_by_test_id("out-H").click()
    expect(page.get_by_test_id("send")).to_be_disabled()
    page.get_by_test_id("permit").fill("PTW-7")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("answer")).to_contain_text("role")  # an operator may not


def test_an_excursion_while_offline_has_its_own_tab_and_is_acknowledged_beside_its_alarm(
    page: Page, platform: Platform, gateway: GatewayClient
) -> None:
    log_in(page, platform)
    t = now()
    gateway.wait_for(gateway.publish({"ts": t, "values": {"T23": 70}}))
    for after, value in ((0, 70), (60_000, 85), (120_000, 70)):
        gateway.wait_for(gateway.publish({"ts": t - 3_600_000 + after, "values": {"T23": value}}))
    page.goto(f"{platform.url}/alarms")
    expect(page.get_by_test_id("tab-offline")).to_contain_text("1", timeout=25_000)
    expect(page.locator('[data-testid="alarm-row"]', has_text="T23")).to_have_count(0)
    page.get_by_test_id("tab-offline").click()
    page.locator('[data-testid="alarm-row"]', has_text="T23").get_by_role("link").click()
    in_state(page, "NORM")
    page.get_by_test_id("ack-offline").click()
    expect(page.get_by_test_id("offline-plate")).to_have_count(0)
