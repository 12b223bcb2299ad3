"""What is measured of the disk under the data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hazardwatch import disk
from hazardwatch.faults import Fault


def test_a_synced_write_takes_some_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert 0 < disk.synced_write_ms(tmp_path) < 10_000
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=rf"^data_dir: {tmp_path}/none cannot be written: No such file"):
        disk.synced_write_ms(tmp_path / "none")


@pytest.mark.parametrize(
    ("size", "input_bytes", "alarm_bytes"),
    [(320 << 20, 48 << 20, 16 << 20), (1 << 40, 8 << 30, 2 << 30)],
    ids=["a small disk is shared", "a large one is not filled"],
)
def test_streams_take_shares_of_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, input_bytes: int, alarm_bytes: int
) -> None:
    real = os.statvfs(tmp_path)
    values = (*real[:1], 4096, size // 4096, *real[3:])
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result(values))
    limits = disk.limits(tmp_path)
    assert (limits.input_bytes, limits.alarm_bytes) == (input_bytes, alarm_bytes)


def test_use_is_counted_of_what_we_may_use(tmp_path: Path) -> None:
    assert 0 <= disk.used_percent(tmp_path) <= 100
    assert disk.free_bytes(tmp_path) > 0
