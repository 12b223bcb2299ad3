"""What is wrong with a site, each fault where it stands and with what would be right."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class RegistryError(Exception):
    """The registry cannot do what was asked."""


class Fault(msgspec.Struct, frozen=True, order=True):
    """`line` is 0 where the row is not in a file but in the registry already."""

    file: str
    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.column}: {self.text}" if self.column else f"{where}: {self.text}"


class SiteFaults(RegistryError):  # noqa: N818  read as a sentence: raise SiteFaults
    """The site contradicts itself or cannot be read; nothing was changed."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(map(str, self.faults)))
