"""A disk that fills up under the data folder: nothing confirmed is lost, and the platform comes back by itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.system.platform import GatewayClient, Platform, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("a small disk can be mounted by root only: run make test as root to try the full disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.timeout(180)
def test_a_full_disk_loses_nothing_confirmed_and_needs_nobody_afterwards(small_disk: Path) -> None:
    platform = Platform(small_disk)
    platform.start()
    try:
        platform.wait_until_ready()
        platform.set_up()
        fill_and_free(platform, small_disk)
    finally:
        platform.stop()


def fill_and_free(platform: Platform, disk: Path) -> None:
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as gateway:
        t = int(time.time() * 1000)
        gateway.wait_for(gateway.publish({"ts": t, "values": {"T35": 1.0}}))
        until(lambda: platform.rows("SELECT 1 FROM hazardwatch.reading WHERE tag = 'T35'"), 20, "stored before")

        filler = disk / "filler"
        with filler.open("wb") as output:
            try:
                while True:
                    output.write(b"\0" * (1 << 20))
                    output.flush()
            except OSError:
                pass  # full, as wanted
        sent = {
            gateway.publish({"ts": t + n, "values": {"T35": float(n), "T36": 85.0 if n == 500 else 0.0}}): n
            for n in range(1, 3001)
        }
        until(lambda: httpx2.get(f"{platform.url}/readyz", timeout=3).status_code == 503, 60, "said by readyz")
        filler.unlink()
        until(platform.ready, 60, "ready again without anybody")
        until(lambda: all(mid in gateway.confirmed for mid in sent), 60, "all confirmed in the end")
        until(
            lambda: platform.rows("SELECT count(*) FROM hazardwatch.reading WHERE tag = 'T35'") == [(3001,)],
            60,
            "every confirmed reading stored once",
        )
        until(lambda: [a for a in platform.get("/alarms")["items"] if a["tag"] == "T36"], 20, "and its alarm raised")
