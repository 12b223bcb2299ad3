"""Configurations: what is given beside the file goes first, and what cannot be played is said."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from simulators.config import Config, ConfigError, factor
from simulators.demo import run
from simulators.gateway import Account

GIVEN: dict[str, Any] = {
    "mqtt": {"host": "127.0.0.1", "port": 1883},
    "gateways": [{"enterprise": "DRILL", "gateway": "GW1", "username": "DRILL.GW1", "password": "secret"}],
}


def written(folder: Path, **more: Any) -> Path:
    path = folder / "simulators.json"
    path.write_text(json.dumps({**GIVEN, **more}))
    return path


def test_a_configuration_needs_only_broker_and_gateways(tmp_path: Path) -> None:
    found = Config.read(written(tmp_path))
    assert (found.host, found.port) == ("127.0.0.1", 1883)
    assert found.accounts == [Account("DRILL", "GW1", "DRILL.GW1", "secret")]
    assert (found.speed, found.begins, found.incidents[0]) == (60.0, None, "buncefield")


def test_what_is_given_beside_the_file_goes_first(tmp_path: Path) -> None:
    path = written(tmp_path, speed=10, begins="03:00")
    assert (Config.read(path).speed, Config.read(path).begins) == (10.0, "03:00")
    found = Config.read(path, speed="max", begins="19:00")
    assert (found.speed, found.begins) == (math.inf, "19:00")


@pytest.mark.parametrize("speed", ["0", "-1", "0.5", "fast", "nan"])
def test_a_speed_below_one_is_refused(speed: str) -> None:
    with pytest.raises(ConfigError, match="speed"):
        factor(speed)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"mqtt": {"host": "127.0.0.1"}}, "port is missing"),
        ({"gateways": [{"enterprise": "E1"}]}, "gateway"),
        ({"speed": "slow"}, "speed: slow"),
    ],
    ids=["no port", "half a gateway", "speed"],
)
def test_a_faulty_configuration_is_said(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.read(written(tmp_path, **more))


def test_a_file_that_is_not_there_or_no_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Config.read(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("speed = 1")
    with pytest.raises(ConfigError, match=r"text\.json"):
        Config.read(tmp_path / "text.json")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"begins": "18:00"}, "begins: at 18:00 none of"),
        ({"faults": {"DRILL/GW9": []}}, "DRILL/GW9 is not among the gateways"),
        ({"faults": {"DRILL/GW1": [{"fault": "gremlins"}]}}, "there is no fault 'gremlins'"),
    ],
    ids=["time", "gateway", "fault"],
)
def test_what_cannot_be_played_is_refused_before_anything_runs(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run(Config.read(written(tmp_path, **more)), threading.Event())
