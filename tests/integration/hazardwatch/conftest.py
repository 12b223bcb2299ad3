"""One platform for the tests that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.hazardwatch.platform import Up


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("up"))
    started.database_ready().says("subscribed")
    yield started
    started.stop()
