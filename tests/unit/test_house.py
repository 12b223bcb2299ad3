"""House rules that a machine can see: paths in documents exist, tests mirror the rooms, every file has a name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("hazardwatch", "simulators", "dashboard_api", "alerting", "ingest", "registry", "line")
NAMELESS = {"utils.py", "common.py", "helpers.py", "manager.py", "base.py"}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    named = re.findall(r"`([a-z_.]+/[\w./-]*)`", text) + re.findall(r"\]\((?!http)([^)#]+)", text)
    missing = [path for path in named if not (ROOT / path).exists() and not path.startswith(".venv")]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked("*.md")
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_each_unit_test_stands_beside_the_room_it_is_about() -> None:
    folders = {path.relative_to(ROOT / "tests/unit").parts[0] for path in tracked("tests/unit/*/*.py")}
    assert folders <= set(ROOMS)


def test_every_file_has_a_name_and_a_first_sentence() -> None:
    modules = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in ROOMS]
    assert modules
    assert not [path for path in modules if path.name in NAMELESS]
    silent = [path for path in modules if path.read_text().strip() and not path.read_text().startswith('"""')]
    assert not silent


def test_no_host_of_a_package_registry_is_named() -> None:
    hosts = re.compile("|".join(("pypi" + r"\.org", "pythonhosted" + r"\.", "npmjs" + r"\.", "registry" + r"\.npm")))
    naming = [path for path in tracked() if path.suffix != ".png" and hosts.search(path.read_text(errors="ignore"))]
    assert not naming
