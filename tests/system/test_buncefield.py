"""Buncefield as a file through the engine: limits stay silent, the rule that watches a standing gauge does not."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_gauge_that_stands_still_rings_two_hours_before_the_overflow(tmp_path: Path) -> None:
    readings, out = tmp_path / "readings.csv", tmp_path / "events.jsonl"
    words = ["-m", "simulators", "incident", "buncefield", "--out", str(readings)]
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT, capture_output=True)
    words = ["-m", "hazardwatch", "replay", "readings", "--site", str(ROOT / "registry" / "demo")]
    done = subprocess.run(
        [sys.executable, *words, "--readings", str(readings), "--out", str(out)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "readings/s" in done.stdout
    events = [json.loads(line) for line in out.read_text().splitlines()]
    raised = [event for event in events if event["ev"] == "ACTIVE"]
    assert not [event for event in raised if event["tag"] in ("TK912.LT", "TK912.LTB")]

    flat = [event for event in raised if event["alarm"] == "FLAT"]
    assert [event["tag"] for event in flat] == ["TK912-FLAT"]
    at = datetime.fromtimestamp(flat[0]["t"] / 1000, UTC).time()
    assert time(3, 4) <= at <= time(3, 6)
    assert min(event["t"] for event in raised) == flat[0]["t"], "nothing rang before"
    assert all(event.get("exercise") for event in raised)
