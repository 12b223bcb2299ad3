"""Flags, environment and configuration file to one set of settings, or one line that names what is wrong."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from hazardwatch.faults import Fault

FILE = "hazardwatch.toml"
PREFIX = "HAZARDWATCH_"
SCHEMES = {"mqtt_url": ("mqtt", "mqtts"), "nats_url": ("nats", "tls"), "database_url": ("postgresql", "postgres")}


def default_data_dir() -> Path:
    """/var/lib/hazardwatch for root, else a folder among the user's state."""
    if os.geteuid() == 0:
        return Path("/var/lib/hazardwatch")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hazardwatch"


class Settings(BaseSettings):
    """What `up`, `demo`, each role and each command work with; a port of 0 is any free one."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = Field(default=1883, ge=0, le=65535)
    mqtt_url: str | None = None
    nats_url: str | None = None
    database_url: str | None = None
    pg_bin: Path | None = None
    public_url: str | None = None  # what the links in notices begin with, where it is not the address of the screen
    tls_cert: Path | None = None
    tls_key: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    unsafe: bool = False
    keep_readings_days: int = Field(default=90, le=36_500)
    keep_minutes_days: int = Field(default=1096, le=36_500)

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None


def load(flags: Mapping[str, Any], config: Path | None = None, *, data_dir: Path | None = None) -> Settings:
    """Flags (None: not given) before the environment before the file; Fault where they cannot be meant.

    `data_dir` is the folder where nothing names one.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    elsewhere = data_dir or default_data_dir()
    content = {"data_dir": elsewhere, **_content(given, config, elsewhere)}

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=content)

    try:
        settings: Settings = Sourced(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        source = "the flag" if name in given else f"{PREFIX}{name.upper()}" if _named(name) else "the file"
        raise Fault(f"{name}: {first['msg'].lower()} (as {source} says)") from error
    settings = settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})
    _check(settings)
    return settings


def _named(name: str) -> bool:
    return f"{PREFIX}{name}".upper() in {key.upper() for key in os.environ}


def _content(given: Mapping[str, Any], config: Path | None, elsewhere: Path) -> dict[str, Any]:
    if config is None:
        data_dir = given.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR") or elsewhere
        config = Path(data_dir).expanduser() / FILE
        try:
            if not config.exists():
                return {}
        except PermissionError:
            return {}  # data_dir itself is refused later, by name
    try:
        content = tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise Fault(f"config: {config} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fault(f"config: {config} is not TOML: {error}") from error
    known = Settings.model_fields
    for key in content:
        if key not in known:
            raise Fault(f"config: {config}: unknown key {key!r}; known are {', '.join(sorted(known))}")
    return content


LEAST_DAYS = 30  # SAWS Order 40: electronic records of 30 days at least


def _check(settings: Settings) -> None:
    if settings.keep_readings_days < LEAST_DAYS:
        raise Fault(
            f"keep_readings_days: must be at least {LEAST_DAYS}, not {settings.keep_readings_days}: "
            f"SAWS Order 40 asks for electronic records of {LEAST_DAYS} days"
        )
    if settings.keep_minutes_days < settings.keep_readings_days:
        raise Fault(
            f"keep_minutes_days: {settings.keep_minutes_days} is less than keep_readings_days, "
            f"{settings.keep_readings_days}: minutes are made of readings, and are kept at least as long"
        )
    for name in ("tls_cert", "tls_key"):
        path: Path | None = getattr(settings, name)
        other = "tls_key" if name == "tls_cert" else "tls_cert"
        if path is None and getattr(settings, other) is not None:
            raise Fault(f"{name}: is missing beside {other}")
        if path is not None and not os.access(path, os.R_OK):
            raise Fault(f"{name}: {path} cannot be read")
    for name, schemes in SCHEMES.items():
        if (url := getattr(settings, name)) is not None:
            _check_url(name, url, schemes)
    hosts = [("http_host", settings.http_host)]
    if settings.mqtt_url is None:
        hosts.append(("mqtt_host", settings.mqtt_host))
    for name, host in hosts:
        if not (is_loopback(host) or settings.tls or settings.unsafe):
            raise Fault(
                f"{name}: {host} is not loopback, and passwords would cross the network in the clear; "
                "set tls_cert and tls_key, put a proxy with TLS in front of 127.0.0.1, or say --unsafe"
            )


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    """Never repeats the URL: it may hold a password."""
    meant = f"{schemes[0]}://user:password@host:port"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise Fault(f"{name}: cannot be read as {meant}") from error
    if parts.scheme not in schemes or not host or port == 0:
        raise Fault(f"{name}: must be like {meant}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name other than localhost is taken for one that others reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
