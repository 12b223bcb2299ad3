"""The alarm engine: ordered inputs to alarm events, pure."""

from alerting.engine.engine import Engine, Latest
from alerting.engine.snapshot import SnapshotError
from alerting.engine.voice import Counters, alarm_id

__all__ = ["Counters", "Engine", "Latest", "SnapshotError", "alarm_id"]
