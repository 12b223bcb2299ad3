"""The demo: a person who has nothing gets a site, gateways that are let in, and names to log in with."""

from __future__ import annotations

import json
import re
import stat
import urllib.request
from pathlib import Path

from hazardwatch.demo import KEPT
from tests.integration.hazardwatch.platform import Up, said

PEOPLE = ("viewer", "operator", "engineer", "admin")


def log_in(address: str, name: str, password: str) -> str:
    body = json.dumps({"username": name, "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310  our own address
        f"{address}/api/v1/login", body, {"Content-Type": "application/json", "Origin": address}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(json.loads(answer.read())["user"]["role"])


def passwords(up: Up, times: int) -> dict[str, str]:
    """What it prints of each person, at its newest start."""
    up.says(r"Ctrl-C ends all of it", times)
    return {name: re.findall(rf"^ +{name} +(\S+)$", up.output.read_text(), re.MULTILINE)[-1] for name in PEOPLE}


def test_the_demo_is_made_once_and_found_again(tmp_path: Path) -> None:
    up = Up(tmp_path, command="demo")
    first = passwords(up, 1)
    address = str(up.platform()["http_address"])
    assert f"Hazardwatch runs at {address}" in up.output.read_text()
    for name in PEOPLE:
        assert log_in(address, name, first[name]) == name
    assert stat.S_IMODE((up.data_dir / KEPT).stat().st_mode) == 0o600
    gateways = json.loads((up.data_dir / KEPT).read_text())["gateways"]
    assert "EASTOIL.GW1" in gateways
    assert "DRILL.GW1" in gateways
    assert said(up, "site", "check", "registry/demo")[0] == "checked against version 1 of the running platform"
    assert up.stop() == 0

    again = Up(tmp_path, command="demo")
    assert passwords(again, 2) == first
    assert json.loads((again.data_dir / KEPT).read_text())["gateways"] == gateways
    assert again.stop() == 0
