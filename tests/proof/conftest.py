"""The long proofs use what the system and integration tests use."""

from tests.integration.alerting.conftest import clock
from tests.system.conftest import own_platform, sink

__all__ = ["clock", "own_platform", "sink"]
