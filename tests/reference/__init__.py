"""The alarm rules once more, one point at a time and slowly, to judge the engine by."""

from tests.reference.vectors import run

__all__ = ["run"]
