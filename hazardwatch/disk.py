"""The disk under the data folder to how fast it keeps a write, how full it is, and how much each stream may take."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from hazardwatch.faults import Fault
from line.streams import Limits

WRITES = 15
NEARLY_FULL_PERCENT = 90.0


def synced_write_ms(folder: Path) -> float:
    """The median time of a write of 4 KiB that is on the disk when it returns."""
    path = folder / "synced-write"
    took = []
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for _ in range(WRITES):
                began = time.perf_counter()
                os.write(fd, b"\0" * 4096)
                os.fsync(fd)
                took.append((time.perf_counter() - began) * 1000)
        finally:
            os.close(fd)
            path.unlink()
    except OSError as error:
        raise Fault(f"data_dir: {folder} cannot be written: {error.strerror}") from error
    return median(took)


def limits(folder: Path) -> Limits:
    """What the streams may take: shares of the whole disk, so that they are the same at each start, up to a most."""
    disk = os.statvfs(folder)
    size, most = disk.f_blocks * disk.f_frsize, Limits()
    return Limits(
        input_bytes=min(most.input_bytes, int(size * 0.15)),
        alarm_bytes=min(most.alarm_bytes, int(size * 0.05)),
    )


def used_percent(folder: Path) -> float:
    """Of what we may use: blocks that are kept back for root count as used."""
    disk = os.statvfs(folder)
    usable = disk.f_blocks - disk.f_bfree + disk.f_bavail
    return 100.0 * (1 - disk.f_bavail / usable) if usable else 100.0


def free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
