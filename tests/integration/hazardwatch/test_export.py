"""An export that is killed and continued is byte for byte the one that was never disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from registry import migrate

DAY, DAYS = timedelta(days=1), 25
BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAYS * DAY
READINGS = 150_000
FILL = """
INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, received_at)
SELECT 1 + mod(n, 10), %(begin)s::timestamptz + n * interval '1 s', sin(n), 192, 0, now()
FROM generate_series(0, %(count)s - 1) n
ON CONFLICT DO NOTHING
"""


async def fill(url: str, readings: int) -> None:
    """Readings of ten tags, one a second."""
    await migrate.upgrade(url)
    with psycopg.connect(url) as connection:
        for number in range(10):
            connection.execute(
                "INSERT INTO hazardwatch.point VALUES (%s, 'E1', 'TF1', %s, 'level', 'm', NULL, '{}') "
                "ON CONFLICT DO NOTHING",
                (number + 1, f"T{number}"),
            )
        for day in range(DAYS):
            connection.execute("SELECT hazardwatch.ensure_day(%s)", ((BEGIN + day * DAY).date(),))
        connection.execute(FILL, {"begin": BEGIN, "count": readings})


def export(url: str, out: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hazardwatch", "export", "readings", "--out", str(out), "--database-url", url]
    span = ["--from", BEGIN.isoformat(), "--to", (BEGIN + DAYS * DAY).isoformat(), *words]
    return subprocess.Popen([*command, *span], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_an_export_that_was_killed_goes_on_where_it_stopped(database_url: str, tmp_path: Path) -> None:
    await fill(database_url, READINGS)
    assert killed(database_url, tmp_path, kills=1) == 1


def killed(url: str, folder: Path, *, kills: int) -> int:
    """How often an export was killed, at even distances, before it ended with the bytes of an undisturbed one."""
    whole, out = folder / "whole.csv", folder / "out.csv"
    undisturbed = export(url, whole)
    whole_said, _ = undisturbed.communicate(timeout=600)
    step, done = whole.stat().st_size // (kills + 1), 0
    while True:
        limit = (done + 1) * step
        running = export(url, out, "--resume")
        while done < kills and running.poll() is None and (not out.exists() or out.stat().st_size < limit):
            time.sleep(0.001)  # a real process writes in real time
        if done < kills:
            running.kill()
        said, _ = running.communicate(timeout=600)
        if running.returncode == 0:
            break
        done += 1
        assert Path(f"{out}.progress").exists(), "a file that is not whole says so"
    assert said == whole_said, "how many there are in the whole file"
    assert out.read_bytes() == whole.read_bytes()
    lines = whole.read_bytes().count(b"\n")
    assert said == f"{lines - 1} readings\n"
    assert {one.name for one in folder.iterdir()} == {"out.csv", "whole.csv"}
    return done
