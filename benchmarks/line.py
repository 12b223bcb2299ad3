"""Readings a second from MQTT to committed rows, and milliseconds to an alarm frame, beside a bare COPY.

    python benchmarks/line.py [--seconds 20]

Everything runs on this machine: the platform as `hazardwatch up`, a load process, a screen. Limits are the budgets of
docs/performance.md; the share of a bare COPY is the figure that can be compared between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform as machine
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import psutil
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import HEAD, Figure
from tests.system.platform import Platform, until

TAGS = 2000
COPY_ROWS = 400_000


def synced_write_ms(folder: Path) -> float:
    """The median of 200 appends of 4 KiB, each synced: what every confirmed message costs at least."""
    took = []
    with (folder / "synced").open("wb") as output:
        for _ in range(200):
            begun = time.perf_counter()
            output.write(b"\0" * 4096)
            output.flush()
            os.fdatasync(output.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def bare_copy_rows_per_s(database_url: str) -> float:
    """The same rows by one binary COPY into a table like reading_raw, with its one unique index."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare_copy")
        connection.execute("CREATE TABLE bare_copy (LIKE hazardwatch.reading_raw INCLUDING ALL)")
        now = int((time.time() - 946_684_800) * 1_000_000)
        import struct

        row = struct.Struct("!hiiiqidihihiiq").pack
        body = b"".join(
            row(7, 4, n % TAGS, 8, now + n * 1000, 8, 1.5, 2, 192, 2, 0, -1, 8, now) for n in range(COPY_ROWS)
        )
        begun = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY bare_copy FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8)
            copy.write(body)
            copy.write(b"\xff\xff")
        took = time.perf_counter() - begun
        connection.execute("DROP TABLE bare_copy")
    return COPY_ROWS / took


def site(folder: Path) -> Path:
    """2,000 tags of which one has an alarm without delay."""
    folder.mkdir()
    (folder / "regions.csv").write_text("code,name\n330000,Bench\n")
    (folder / "enterprises.csv").write_text("code,name,region\nE1,Bench works,330000\n")
    (folder / "sources.csv").write_text("enterprise,code,name\nE1,S1,Bench source\n")
    (folder / "gateways.csv").write_text("enterprise,code\nE1,GW1\nE1,GW2\n")
    rows = [f"E1,S1,T{n:04d},other,m,60,1e9,,3600" for n in range(TAGS)]
    rows.append("E1,S1,PROBE,other,m,60,50,1,3600")
    (folder / "tags.csv").write_text(
        "enterprise,source,tag,kind,unit,period_s,h,priority,stale_s\n" + "\n".join(rows) + "\n"
    )
    return folder


def messages(width: int, number: int, t: int) -> str:
    first = (number * width) % TAGS
    values = {f"T{(first + n) % TAGS:04d}": n * 0.5 for n in range(width)}
    return json.dumps({"ts": t, "values": values})


def load(arguments: argparse.Namespace) -> None:
    """The load process: publishes at a rate (0: as fast as confirmations come) and prints what was confirmed."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-load", clean_session=True)
    client.username_pw_set(arguments.username, arguments.password)
    client.max_inflight_messages_set(2000)
    room = threading.Semaphore(1500)
    confirmed = [0]

    def confirm(*_: object) -> None:
        confirmed[0] += 1
        room.release()

    client.on_publish = confirm
    client.connect("127.0.0.1", arguments.port)
    client.loop_start()
    begun, number = time.time(), 0
    base = int(begun * 1000) - arguments.width * 3_600_000  # a stretch of time of its own: no reading twice
    while time.time() - begun < arguments.seconds:
        if arguments.rate:
            time.sleep(max(0.0, begun + number * arguments.width / arguments.rate - time.time()))
            t = int(time.time() * 1000)
        else:
            t = base + number  # each message its own millisecond: no reading twice
        room.acquire()
        client.publish("hazard/v1/E1/GW1/readings", messages(arguments.width, number, t), qos=arguments.qos)
        number += 1
    end = time.time()
    while arguments.qos and confirmed[0] < number and time.time() - end < 60:
        time.sleep(0.01)
    print(json.dumps({"messages": number, "confirmed": confirmed[0], "took_s": time.time() - begun}))
    client.disconnect()


def start_load(platform: Platform, credential: tuple[str, str], **options: float) -> subprocess.Popen[str]:
    words = [sys.executable, __file__, "--load", "--username", credential[0], "--password", credential[1]]
    words += ["--port", str(platform.mqtt_port)]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def stored(platform: Platform) -> int:
    return int(platform.rows("SELECT count(*) FROM hazardwatch.reading_raw")[0][0])


def sustained(
    platform: Platform, credential: tuple[str, str], width: int, seconds: float, qos: int = 1
) -> tuple[float, float]:
    """Readings a second from the first publish to the last committed row, and messages confirmed a second."""
    before, begun = stored(platform), time.time()
    process = start_load(platform, credential, width=width, seconds=seconds, qos=qos)
    printed = process.communicate()[0]
    done = json.loads(printed)
    wanted = before + done["messages"] * width
    if qos:
        until(lambda: stored(platform) >= wanted, 120, f"{wanted} rows")
        return done["messages"] * width / (time.time() - begun), done["confirmed"] / done["took_s"]
    last, since = stored(platform), time.time()
    while time.time() - since < 2:
        now = stored(platform)
        if now != last:
            last, since = now, time.time()
    return (last - before) / (since - begun), (last - before) / width / (since - begun)


async def latencies(platform: Platform, credential: tuple[str, str], count: int) -> list[float]:
    """Milliseconds from the publish of a crossing to its frame on a screen, one every 100 ms."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-probe", clean_session=True)
    client.username_pw_set(*credential)
    client.connect("127.0.0.1", platform.mqtt_port)
    client.loop_start()
    took = []
    async with platform.live() as screen:
        await screen.send(json.dumps({"type": "subscribe", "alarms": {"enterprise": "E1"}, "readings": []}))
        for n in range(count * 2):
            value, wanted = (100.0, "ACTIVE") if n % 2 == 0 else (0.0, "RTN")
            begun = time.perf_counter()
            body = json.dumps({"ts": int(time.time() * 1000), "values": {"PROBE": value}})
            client.publish("hazard/v1/E1/GW2/readings", body, qos=1)
            async with asyncio.timeout(30):
                async for text in screen:
                    frame = json.loads(text)
                    if frame["type"] == "alarm" and frame["event"]["tag"] == "PROBE" and frame["event"]["ev"] == wanted:
                        break
            if n % 2 == 0:
                took.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.05)
    client.loop_stop()
    client.disconnect()
    return sorted(took)


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def figures(seconds: float, folder: Path) -> Iterator[Figure]:
    synced = synced_write_ms(folder)
    yield Figure("one synced write of 4 KiB, median", synced, "ms", None, at_least=False)
    platform = Platform(folder)
    platform.start()
    try:
        platform.wait_until_ready()
        platform.cli("site", "import", str(site(folder / "site")))
        platform.token = platform.cli("token", "create", "--name", "bench", "--role", "viewer").split()[-1]
        gateway, probe = platform.credential("E1", "GW1"), platform.credential("E1", "GW2")
        until(lambda: platform.rows("SELECT 1"), 30, "the database answers")
        yield Figure(
            "alarm, idle, p50", percentile(asyncio.run(latencies(platform, probe, 20)), 0.5), "ms", None, at_least=False
        )
        for rate, width, p50, p99 in ((1_000, 50, 15, 50), (10_000, 20, 20, 80)):
            process = start_load(platform, gateway, width=width, seconds=seconds, rate=rate)
            took = asyncio.run(latencies(platform, probe, int(seconds * 3)))
            process.communicate()
            name = f"publish to alarm frame at {rate:,} readings/s in messages of {width}"
            yield Figure(f"{name}, p50", percentile(took, 0.5), "ms", p50, at_least=False)
            yield Figure(f"{name}, p99", percentile(took, 0.99), "ms", p99, at_least=False)
        bare = bare_copy_rows_per_s(platform.database_url())
        yield Figure("bare binary COPY of such rows", bare, "rows/s")
        rate_63, _ = sustained(platform, gateway, 63, seconds)
        yield Figure("MQTT QoS 1 to committed rows, messages of 63", rate_63, "readings/s", 44_000)
        yield Figure("the same as a share of the bare COPY", rate_63 / bare, "", 0.3)
        rate_1, confirmed = sustained(platform, gateway, 1, seconds)
        yield Figure("MQTT QoS 1 to committed rows, messages of 1", rate_1, "readings/s", 1_000)
        yield Figure("messages of 1 confirmed on disk", confirmed, "messages/s")
        assert platform.process
        memory = sum(child.memory_info().rss for child in psutil.Process(platform.process.pid).children(recursive=True))
        yield Figure("memory of all processes", memory / 2**20, "MiB", None, at_least=False)
    finally:
        platform.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    for name, kind, default in (
        ("username", str, ""),
        ("password", str, ""),
        ("port", int, 0),
        ("width", int, 50),
        ("rate", float, 0),
        ("qos", int, 1),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments)
        return
    kernel = f"{machine.system()} {machine.release()}"
    print(f"{machine.machine()}, {os.cpu_count()} cores, Python {machine.python_version()}, {kernel}")
    print(HEAD)
    with tempfile.TemporaryDirectory(prefix="hazardwatch-bench-") as folder:
        for figure in figures(arguments.seconds, Path(folder)):
            print(figure.row(), flush=True)


if __name__ == "__main__":
    main()
