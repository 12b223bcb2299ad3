"""A data folder: held by one platform at a time, which writes there how commands and roles reach it."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hazardwatch.faults import Fault
from hazardwatch.settings import Settings

LOCK, PLATFORM, SECRETS = "lock", "run/platform.json", "secrets/servers.json"


class Running(msgspec.Struct, frozen=True):
    """How to reach a running platform; the URLs hold passwords. Empty: not there."""

    pid: int
    nats_url: str
    database_url: str
    mqtt_url: str
    mqtt_client_id: str
    mqtt_address: str
    http_address: str
    embedded: tuple[str, ...] = ()  # which of nats, mqtt, database are servers of ours


class Secrets(msgspec.Struct, frozen=True):
    """What the embedded servers know us by; made once for a data folder."""

    platform: str
    ingest: str
    ingest_client_id: str
    database: str


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """The data folder, made where it is missing, for us alone; Fault where it cannot be had."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("run", "secrets", "log"):
            (data_dir / name).mkdir(mode=0o700, exist_ok=True)
        fd = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Fault(f"data_dir: {data_dir} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            raise Fault(f"data_dir: {data_dir} is in use by another Hazardwatch, pid {pid}") from error
        try:
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
            os.fsync(fd)
        except OSError as error:
            raise Fault(f"data_dir: {data_dir} cannot be written: {error.strerror}") from error
        yield
    finally:
        os.close(fd)


def private(path: Path, content: bytes) -> None:
    """Replaces a file at once with one that only we may read."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    new.replace(path)


def server_secrets(data_dir: Path) -> Secrets:
    """The folder's secrets, made at its first use."""
    path = data_dir / SECRETS
    try:
        if not path.exists():
            fresh = Secrets(*(secrets.token_urlsafe(24) for _ in range(4)))
            private(path, msgspec.json.encode(fresh))
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except OSError as error:
        raise Fault(f"data_dir: {path} cannot be used: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise Fault(f"data_dir: {path} is damaged: {error}; restore it from a backup of the folder") from error


def announce(data_dir: Path, running: Running) -> None:
    private(data_dir / PLATFORM, msgspec.json.format(msgspec.json.encode(running)))


def withdraw(data_dir: Path) -> None:
    (data_dir / PLATFORM).unlink(missing_ok=True)


def find(settings: Settings) -> Running:
    """How to reach the platform: what the settings name, for the rest what the one on data_dir announced."""
    path = settings.data_dir / PLATFORM
    announced: Running | None = None
    try:
        announced = msgspec.json.decode(path.read_bytes(), type=Running)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except PermissionError as error:
        raise Fault(f"data_dir: {path} belongs to another user; run the command as that user") from error
    except (OSError, msgspec.DecodeError) as error:
        raise Fault(f"data_dir: {path} cannot be read: {error}") from error
    if announced is None:
        if settings.nats_url is None:
            raise Fault(
                f"data_dir: no platform runs on {settings.data_dir}; start one, or name it by data_dir or nats_url"
            )
        announced = Running(0, settings.nats_url, "", "", "", "", "")
    return msgspec.structs.replace(
        announced,
        nats_url=settings.nats_url or announced.nats_url,
        database_url=settings.database_url or announced.database_url,
        mqtt_url=settings.mqtt_url or announced.mqtt_url,
    )
