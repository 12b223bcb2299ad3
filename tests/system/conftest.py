"""One platform for the tests that leave it whole; those that kill or starve it start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.platform import Platform, Sink, site_with_contact


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    with Sink() as opened:
        yield opened


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    running = Platform(folder)
    running.start()
    running.wait_until_ready()
    running.set_up(site_with_contact(folder, sink.port))
    yield running
    running.stop()


@pytest.fixture
def own_platform(tmp_path: Path, sink: Sink) -> Iterator[Platform]:
    running = Platform(tmp_path)
    running.start()
    running.wait_until_ready()
    running.set_up(site_with_contact(tmp_path, sink.port))
    yield running
    running.stop()
