"""What an operator does: logs in, sees an alarm arrive, acknowledges it, looks at its trend; and the server dies."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from tests.browser.conftest import log_in
from tests.system.platform import GatewayClient, Platform, until


def now() -> int:
    return int(time.time() * 1000)


def test_a_wrong_password_is_said_and_lets_nobody_in(page: Page, platform: Platform) -> None:
    page.goto(platform.url)
    page.get_by_test_id("username").fill("op")
    page.get_by_test_id("password").fill("wrong")
    page.get_by_test_id("submit").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_test_id("source-card")).to_have_count(0)


def test_an_alarm_arrives_without_reload_is_acknowledged_and_has_a_trend(
    page: Page, platform: Platform, gateway: GatewayClient
) -> None:
    log_in(page, platform)
    page.goto(f"{platform.url}/alarms")
    row = page.locator('[data-testid="alarm-row"]', has_text="T05")
    expect(row).to_have_count(0)

    for step in range(6):
        gateway.wait_for(gateway.publish({"ts": now() - 6000 + step * 1000, "values": {"T05": 60 + 4.5 * step}}))
    expect(row.first).to_be_visible(timeout=3000)
    assert row.first.get_attribute("data-state") == "UNACK"
    assert row.first.get_attribute("data-priority") == "2"
    assert "(" in page.title() or any(digit in page.title() for digit in "123456789")

    row.first.get_by_test_id("ack-button").click()
    expect(page.locator('[data-testid="alarm-row"][data-state="ACKED"]', has_text="T05")).to_be_visible(timeout=3000)
    until(
        lambda: [a for a in platform.get("/alarms")["items"] if a["tag"] == "T05" and a["state"] == "ACKED"],
        3,
        "acknowledged for everybody",
    )

    page.goto(f"{platform.url}/trend/E1/T05")
    chart = page.get_by_test_id("trend-chart")
    expect(chart).to_be_visible()
    expect(chart.locator("canvas").first).to_be_visible()
    until(
        lambda: page.locator("[data-testid=trend-chart][data-points]").count() and _points(page) >= 6, 5, "six points"
    )


def _points(page: Page) -> int:
    return int(page.get_by_test_id("trend-chart").get_attribute("data-points") or 0)


def test_every_value_shows_its_age_and_its_quality(page: Page, platform: Platform, gateway: GatewayClient) -> None:
    log_in(page, platform)
    page.goto(f"{platform.url}/sources/E1/TF1")
    gateway.wait_for(gateway.publish({"ts": now(), "values": {"T06": 12.5}, "quality": {"T06": 64}}))
    value = page.locator('[data-testid="tag-value"][data-tag="T06"]')
    expect(value).to_contain_text("12.5", timeout=3000)
    assert value.get_attribute("data-quality") == "64"
    expect(value.get_by_test_id("age")).to_contain_text("s")


def test_a_server_that_restarts_under_the_page_is_said_within_5_s_and_forgotten_after(
    page: Page, platform: Platform, gateway: GatewayClient
) -> None:
    log_in(page, platform)
    page.goto(f"{platform.url}/alarms")
    banner = page.get_by_test_id("connection-banner")
    expect(banner).to_be_hidden()
    platform.kill("api")
    expect(banner).to_be_visible(timeout=5000)
    gateway.wait_for(gateway.publish({"ts": now(), "values": {"T07": 99}}))
    expect(banner).to_be_hidden(timeout=15_000)
    expect(page.locator('[data-testid="alarm-row"]', has_text="T07").first).to_be_visible(timeout=5000)


def test_an_engine_that_stands_still_is_seen_on_the_screen(page: Page, platform: Platform) -> None:
    log_in(page, platform)
    banner = page.get_by_test_id("connection-banner")
    expect(banner).to_be_hidden()
    engine = until(lambda: platform.child("engine"), 5, "the engine runs")
    engine.suspend()
    try:
        expect(banner).to_be_visible(timeout=8000)
    finally:
        engine.resume()
    expect(banner).to_be_hidden(timeout=15_000)


def test_the_first_click_of_all_hits_the_row_it_was_meant_for(
    page: Page, platform: Platform, gateway: GatewayClient
) -> None:
    """The first gesture switches sound on; the note about it must not move the rows while the button is down."""
    log_in(page, platform)
    gateway.wait_for(gateway.publish({"ts": now(), "values": {"T08": 85, "T09": 85}}))
    page.goto(f"{platform.url}/alarms")
    expect(page.get_by_test_id("sound-banner")).to_be_visible()
    button = page.locator('[data-testid="alarm-row"]', has_text="T08").first.get_by_test_id("ack-button")
    expect(button).to_be_visible()
    before = button.bounding_box()
    page.mouse.move(1500, 700)
    page.mouse.down()
    expect(page.get_by_test_id("sound-banner")).to_be_hidden()
    assert button.bounding_box() == before
    page.mouse.up()
    button.click()
    expect(page.locator('[data-testid="alarm-row"][data-state="ACKED"]', has_text="T08")).to_be_visible()
    expect(page.locator('[data-testid="alarm-row"][data-state="UNACK"]', has_text="T09")).to_be_visible()
