"""The long proofs use what the system tests use."""

from tests.system.conftest import own_platform, sink

__all__ = ["own_platform", "sink"]
