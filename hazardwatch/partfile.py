"""Pieces of bytes to a file that, after a kill, is continued where it stopped: beside it lies how far it has come."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from hazardwatch.faults import Fault

SUFFIX = ".progress"


class Progress(msgspec.Struct, frozen=True):
    """What the file is of, how many of its bytes are certain, and what the next piece begins with."""

    about: dict[str, str | None]
    bytes: int
    place: int | None
    count: int


class PartFile:
    """A file that is written; use as a context manager.

    `place` and `count` are what was last kept, `unkept` the bytes since. The file beside it is there before the first
    byte and goes after the last: a file without one is complete.
    """

    def __init__(self, path: Path, about: Mapping[str, str | None], *, resume: bool) -> None:
        self.path, self._about = path, dict(about)
        self._beside = path.with_name(path.name + SUFFIX)
        self.place: int | None = None
        self.count = 0
        self.unkept = 0
        self._is_plain = path.is_file() or not path.exists()  # a pipe has no place to go back to
        certain = self._continued() if resume else 0
        if self._is_plain and not certain:
            self._write_beside(0)
        self._file: BinaryIO = path.open("r+b" if certain else "wb")
        if certain:
            self._file.truncate(certain)
            self._file.seek(certain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._sync()
        if kind is None and self._is_plain:
            self._beside.unlink()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self.unkept += len(piece)

    def keep(self, place: int, count: int) -> None:
        """All that was written is on disk when this returns, and a continued file goes on with `place`."""
        self._sync()
        self.place, self.count, self.unkept = place, count, 0
        if self._is_plain:
            self._write_beside(self._file.tell())

    def _sync(self) -> None:
        self._file.flush()
        if self._is_plain:
            os.fsync(self._file.fileno())

    def _continued(self) -> int:
        """How many bytes are certain; Fault where this file cannot be continued by what is asked for."""
        if not self._beside.exists():
            if self.path.exists():
                raise Fault(
                    f"out: {self.path} is complete, or was not begun by this command: there is no {self._beside}"
                )
            return 0
        try:
            found = msgspec.json.decode(self._beside.read_bytes(), type=Progress)
        except msgspec.DecodeError as error:
            raise Fault(f"resume: {self._beside} cannot be read: {error}") from error
        if found.about != self._about:
            asked = ", ".join(f"{name} {found.about.get(name)}" for name in found.about)
            raise Fault(f"resume: {self.path} was begun with {asked}; ask for the same")
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < found.bytes:
            raise Fault(f"resume: {self.path} has {size} bytes, but {found.bytes} were written; begin anew")
        self.place, self.count = found.place, found.count
        return found.bytes

    def _write_beside(self, certain: int) -> None:
        made = msgspec.json.encode(Progress(self._about, certain, self.place, self.count))
        new = self._beside.with_name(self._beside.name + ".new")
        with new.open("wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._beside)
