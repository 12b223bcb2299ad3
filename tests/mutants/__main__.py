"""Plants one fault after the other in a copy of the engine and says which test catches it.

python -m tests.mutants [NAME ...] [--list] [--jobs 2]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("alerting", "ingest", "line", "registry", "tests", "pyproject.toml")
UNIT = "tests/unit/alerting/"
TESTS = tuple(  # the quickest first
    f"{UNIT}test_{name}.py"
    for name in (
        *(
            "engine_vectors",
            "detector_vectors",
            "engine",
            "detectors_flat",
            "detectors_edges",
            "engine_past",
            "engine_surge",
        ),
        *("engine_restarts", "reference", "engine_properties"),
    )
)
PATIENCE_S = 240


def planted(fault: Fault, folder: Path) -> None:
    """The fault in place of what stands there; ValueError where that stands not exactly once."""
    path = folder / fault.file
    text = path.read_text()
    if text.count(fault.old) != 1:
        raise ValueError(
            f"{fault.name}: {fault.file} holds its text {text.count(fault.old)} times, not once: {fault.old!r}"
        )
    path.write_text(text.replace(fault.old, fault.new))


def caught_by(fault: Fault) -> str | None:
    """The first test that fails with the fault in place; None where all pass."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in NEEDED:
            source = ROOT / name
            ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)
        planted(fault, folder)
        tests = [test for test in TESTS if (folder / test).exists()]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            return f"nothing ended within {PATIENCE_S} s"
    if run.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    return found.group(1).removeprefix(UNIT) if found else f"pytest ended with {run.returncode}"


def main() -> int:
    """Prints a row for each fault; 1 where one survives."""
    parser = argparse.ArgumentParser(description="Faults planted by hand, and the tests that catch them.")
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [fault for fault in FAULTS if not given.names or fault.name in given.names]
    if given.list:
        print("\n".join(f"{fault.name:26} {fault.file:36} {fault.why}" for fault in chosen))
        return 0
    begun, survived = time.monotonic(), []
    with ThreadPoolExecutor(given.jobs) as pool:
        for fault, test in zip(chosen, pool.map(caught_by, chosen), strict=True):
            if test is None:
                survived.append(fault.name)
            print(f"{fault.name:26} {test or 'SURVIVED: ' + fault.why}", flush=True)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} caught in {time.monotonic() - begun:.0f} s")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
