"""Chromium before the real platform: every page as an operator has it before him."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.system.platform import PASSWORD, GatewayClient, Platform, Sink, site_with_contact

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        reason = "no Chromium on this machine: install Debian's package chromium, then make test"
        for item in items:
            if "tests/browser/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=reason))


# By module, not by session: while Playwright is open its event loop runs in this thread, and asynchronous tests cannot.
@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("screen")
    with Sink() as sink:
        running = Platform(folder)
        running.start()
        running.wait_until_ready()
        running.set_up(site_with_contact(folder, sink.port))
        yield running
        running.stop()


@pytest.fixture(scope="module")
def gateway(platform: Platform) -> Iterator[GatewayClient]:
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *sandbox])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, platform: Platform, tmp_path: Path) -> Iterator[Page]:
    """A page that has said nothing wrong by the end: no script error, no request that failed on a foreign host."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1600, "height": 900})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: faults.extend([] if _own(request.url, platform) else [request.url]))
    yield opened
    opened.screenshot(path=tmp_path / "last.png")
    context.close()
    assert not faults


def _own(url: str, platform: Platform) -> bool:
    return url.startswith((platform.url, platform.url.replace("http", "ws"), "data:", "blob:"))


def log_in(page: Page, platform: Platform) -> None:
    page.goto(platform.url)
    page.get_by_test_id("username").fill("op")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    page.get_by_test_id("source-card").first.wait_for()
