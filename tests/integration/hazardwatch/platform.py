"""`hazardwatch up` as a process of a test: started, listened to, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from hazardwatch.running import PLATFORM

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HAZARDWATCH_")}


class Up:
    """One platform on a folder; `family` is everything that it started."""

    def __init__(self, folder: Path, *words: str, command: str = "up") -> None:
        self.data_dir = folder / "data"
        self.output = folder / "up.log"
        command_line = [sys.executable, "-m", "hazardwatch", command, "--data-dir", str(self.data_dir), *words]
        if "--http-port" not in words:
            command_line += ["--http-port", "0", "--mqtt-port", "0"]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command_line, stdout=output, stderr=output, env=ENVIRONMENT)

    def until(self, what: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while not (found := what()):
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.05)  # real processes take real time
        return found

    def says(self, words: str, times: int = 1) -> Up:
        self.until(lambda: len(re.findall(words, self.output.read_text())) >= times)
        return self

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        """The server or role that runs now."""

        def found() -> psutil.Process | None:
            words: list[str] = []
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):
                    words = child.cmdline()
                if words and (Path(words[0]).name == name or name in words[3:4]):
                    return child
            return None

        child = self.until(found)
        assert isinstance(child, psutil.Process)
        return child

    def platform(self) -> dict[str, Any]:
        path = self.data_dir / PLATFORM
        self.until(path.exists)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def database_ready(self) -> Up:
        """Once the historian has given it its tables."""

        def ready() -> bool:
            try:
                with psycopg.connect(self.platform()["database_url"], connect_timeout=2) as connection:
                    return bool(connection.execute("SELECT count(*) FROM hazardwatch.migration").fetchone())
            except psycopg.Error:
                return False

        self.until(ready)
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def command(up: Up | None, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    where = ["--data-dir", str(up.data_dir)] if up else []
    return subprocess.run(
        [sys.executable, "-m", "hazardwatch", *words, *where],
        capture_output=True,
        text=True,
        input=stdin,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )


def said(up: Up | None, *words: str, stdin: str = "") -> list[str]:
    done = command(up, *words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
