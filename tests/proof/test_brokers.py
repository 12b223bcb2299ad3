"""Mosquitto as deploy/mosquitto sets it: more messages than its default queue holds, all confirmed, none lost."""

from __future__ import annotations

from pathlib import Path

from ingest.trial.verdicts import table
from tests.integration.ingest.test_trial import (
    as_we_set_it,
    assert_keeps_all_but_the_last_moment,
    needs_mosquitto,
    tried_and_killed,
)


def test_five_thousand_messages_wait_and_a_thousand_outlive_a_kill(tmp_path: Path) -> None:
    needs_mosquitto()
    broker = as_we_set_it(tmp_path)
    broker.start()
    try:
        found = tried_and_killed(broker, count=5_000)
    finally:
        broker.stop()
    print("\n".join(table(found)))
    assert_keeps_all_but_the_last_moment(found)
