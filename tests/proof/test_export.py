"""A long export killed ten times over is byte for byte the undisturbed one, in no more memory than a short one."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.hazardwatch.test_export import export, fill, killed

READINGS, KILLS = 2_000_000, 10
MOST_MORE_BYTES = 16 << 20


def peak_bytes(url: str, out: Path) -> int:
    """The most memory that an export of all readings held at once."""
    with export(url, out) as running:
        _, status, used = os.wait4(running.pid, 0)
    assert status == 0
    return used.ru_maxrss * 1024


async def test_a_long_export_is_killed_ten_times_and_needs_no_more_memory(database_url: str, tmp_path: Path) -> None:
    await fill(database_url, 1_000)
    short = peak_bytes(database_url, tmp_path / "out.csv")
    await fill(database_url, READINGS)
    long = peak_bytes(database_url, tmp_path / "out.csv")
    (tmp_path / "out.csv").unlink()
    kills = killed(database_url, tmp_path, kills=KILLS)
    print(f"{READINGS:,} readings exported, {kills} kills: same bytes; {long >> 20} MiB, a short one {short >> 20} MiB")
    assert kills == KILLS
    assert long - short < MOST_MORE_BYTES
