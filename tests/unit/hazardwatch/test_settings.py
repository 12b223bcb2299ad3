"""What the settings are, whence, and how a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazardwatch.faults import Fault
from hazardwatch.settings import FILE, default_data_dir, is_loopback, load


@pytest.fixture(autouse=True)
def no_settings_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HAZARDWATCH_DATA_DIR", str(tmp_path))


def test_a_flag_goes_before_the_environment_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('http_port = 1\nmqtt_port = 1\nlog_level = "debug"\n')
    monkeypatch.setenv("HAZARDWATCH_HTTP_PORT", "2")
    monkeypatch.setenv("HAZARDWATCH_MQTT_PORT", "2")
    settings = load({"http_port": 3, "mqtt_port": None})
    assert (settings.http_port, settings.mqtt_port, settings.log_level) == (3, 2, "debug")
    assert settings.http_host == "127.0.0.1"


def test_another_file_can_be_named_and_say_where_the_data_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HAZARDWATCH_DATA_DIR")
    file = tmp_path / "other.toml"
    file.write_text(f'data_dir = "{tmp_path}/here"\n')
    assert load({}, file).data_dir == tmp_path / "here"


def test_the_data_of_root_and_of_a_user_lie_where_each_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/hazardwatch")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_data_dir() == Path("/home/ann/.local/state/hazardwatch")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"http_host": "192.0.2.7"}, r"^http_host: 192\.0\.2\.7 is not loopback, .* tls_cert and tls_key"),
        ({"mqtt_host": "::"}, r"^mqtt_host: :: is not loopback"),
        ({"mqtt_host": "gateway-net"}, r"^mqtt_host: gateway-net is not loopback"),
        ({"http_port": 70000}, r"^http_port: .* less than or equal to 65535 \(as the flag says\)$"),
        ({"http_port": "abc"}, r"^http_port: .*valid integer"),
        ({"nats_url": "http://x"}, r"^nats_url: must be like nats://user:password@host:port$"),
        ({"mqtt_url": "mqtt://u:secret@h:99999"}, r"^mqtt_url: cannot be read as mqtt://user:password@host:port$"),
        ({"database_url": "mysql://h/d"}, r"^database_url: must be like postgresql://"),
        ({"tls_cert": "/nowhere/cert.pem", "tls_key": "/nowhere/key.pem"}, r"^tls_cert: /nowhere/cert.pem cannot be"),
        ({"tls_key": "/nowhere/key.pem"}, r"^tls_cert: is missing beside tls_key$"),
        ({"keep_readings_days": 29}, r"^keep_readings_days: must be at least 30, not 29: SAWS Order 40"),
        ({"keep_minutes_days": 80}, r"^keep_minutes_days: 80 is less than keep_readings_days, 90"),
        ({"log_format": "xml"}, r"^log_format: .*'text' or 'json'"),
    ],
)
def test_what_cannot_be_meant_is_named(flags: dict[str, object], says: str) -> None:
    with pytest.raises(Fault, match=says) as refused:
        load(flags)
    assert "secret" not in str(refused.value)


def test_the_environment_is_named_where_it_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARDWATCH_MQTT_PORT", "1883x")
    with pytest.raises(Fault, match=r"^mqtt_port: .* \(as HAZARDWATCH_MQTT_PORT says\)$"):
        load({})


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("http_prot = 1\n")
    with pytest.raises(Fault, match=rf"^config: {tmp_path}/{FILE}: unknown key 'http_prot'; known are data_dir, "):
        load({})


@pytest.mark.parametrize(
    ("content", "says"),
    [("http_port = ", "is not TOML"), ('http_port = "x"', r"^http_port: .*\(as the file says\)$")],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(Fault, match=says):
        load({})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"^config: .*/none.toml cannot be read: No such file"):
        load({}, tmp_path / "none.toml")


def test_other_hosts_than_loopback_need_tls_or_a_word(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    with_tls = load({"http_host": "192.0.2.7", "tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"})
    assert with_tls.tls
    assert load({"http_host": "192.0.2.7", "unsafe": True}).http_host == "192.0.2.7"
    assert load({"mqtt_host": "192.0.2.7", "mqtt_url": "mqtt://broker"}).mqtt_url  # no listener of ours


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
