"""One platform at a time on a data folder, which tells commands how to reach it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hazardwatch.faults import Fault
from hazardwatch.running import PLATFORM, SECRETS, Running, announce, find, held, server_secrets, withdraw
from hazardwatch.settings import load

HERE = Running(7, "nats://u:p@127.0.0.1:1", "postgresql://a", "mqtt://i:p@127.0.0.1:2", "id", "127.0.0.1:2", "http://x")


def test_a_second_platform_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(Fault, match=rf"^data_dir: {tmp_path} is in use by another Hazardwatch, pid {os.getpid()}$"),
        held(tmp_path),
    ):
        pass
    with held(tmp_path):  # free again
        assert (tmp_path / "log").is_dir()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(Fault, match=rf"^data_dir: {tmp_path}/file/data cannot be written: Not a directory$"),
        held(tmp_path / "file" / "data"),
    ):
        pass


def test_secrets_are_made_once_and_for_us_alone(tmp_path: Path) -> None:
    with held(tmp_path):
        first = server_secrets(tmp_path)
        assert server_secrets(tmp_path) == first
    assert len({first.platform, first.ingest, first.ingest_client_id, first.database}) == 4
    assert stat.S_IMODE((tmp_path / SECRETS).stat().st_mode) == 0o600
    (tmp_path / SECRETS).write_text("{")
    with pytest.raises(Fault, match=r"^data_dir: .* is damaged"):
        server_secrets(tmp_path)


def test_commands_find_the_platform_by_its_folder(tmp_path: Path) -> None:
    with held(tmp_path):
        announce(tmp_path, HERE)
        assert stat.S_IMODE((tmp_path / PLATFORM).stat().st_mode) == 0o600
        assert find(load({"data_dir": tmp_path})) == HERE
        other = find(load({"data_dir": tmp_path, "nats_url": "nats://elsewhere"}))
        assert (other.nats_url, other.database_url) == ("nats://elsewhere", HERE.database_url)
        withdraw(tmp_path)
    with pytest.raises(Fault, match=rf"^data_dir: no platform runs on {tmp_path}; start one, or name it"):
        find(load({"data_dir": tmp_path}))
    assert find(load({"data_dir": tmp_path, "nats_url": "nats://elsewhere"})).nats_url == "nats://elsewhere"
