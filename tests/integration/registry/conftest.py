"""What several tests of this room need."""

from __future__ import annotations

from pathlib import Path

import pytest

import registry


@pytest.fixture
def demo_folder() -> Path:
    return Path(registry.__file__).parent / "demo"
