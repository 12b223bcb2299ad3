"""A scenario file to an accident: its figures, each published or ours, and its own time of day."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "incidents"
PUBLISHED, INTERPOLATED = "published", "interpolated"


class IncidentError(Exception):
    """The scenario file cannot be played."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it says, and of its value and its moment, whether they were published or are ours."""

    says: str
    value: float | None = None
    at: datetime | None = None
    value_published: bool = False
    at_published: bool = False

    @property
    def marks(self) -> list[bool]:
        """Of everything the figure gives: whether it was published."""
        given = ((self.value, self.value_published), (self.at, self.at_published))
        return [published for what, published in given if what is not None]


@dataclass(frozen=True, slots=True)
class Incident:
    """An accident as far as it is known. Times are in its own time of day, carried as UTC."""

    name: str
    title: str
    plant: str
    enterprise: str
    source: str
    begins: datetime
    ends: datetime
    plays_from: datetime
    sources: tuple[str, ...]  # what the published figures were read in
    onset: datetime  # when something began to be wrong; what rings in the 24 h before is a false alarm
    disaster: datetime  # what a warning has to come before
    site: Path  # the folder with the CSV files of the plant's instruments and their alarms
    figures: dict[str, Figure]

    @property
    def day_before(self) -> datetime:
        """When an ordinary day that ends with the onset must begin."""
        return min(self.begins, self.onset - timedelta(days=1))

    @property
    def marks(self) -> list[bool]:
        """Of everything that the figures give: whether it was published."""
        return [mark for figure in self.figures.values() for mark in figure.marks]

    def value(self, name: str) -> float:
        """A figure's number."""
        found = self.figures[name].value
        if found is None:
            raise IncidentError(f"{self.name}: the figure {name} has no value")
        return found

    def at(self, name: str) -> datetime:
        """A figure's moment."""
        found = self.figures[name].at
        if found is None:
            raise IncidentError(f"{self.name}: the figure {name} has no time")
        return found

    def covers(self, clock: str) -> bool:
        """Whether it was going on at this time of day."""
        return self._on_its_days(clock) is not None

    def moment(self, clock: str) -> datetime:
        """The time of day, such as 02:30, as a moment of the accident, which may have begun the day before."""
        found = self._on_its_days(clock)
        if found is None:
            raise IncidentError(f"{self.name}: {clock} is not between {self.begins:%H:%M} and {self.ends:%H:%M}")
        return found

    def _on_its_days(self, clock: str) -> datetime | None:
        days = (self.begins.date() + timedelta(days=more) for more in range((self.ends - self.begins).days + 2))
        return next((at for day in days if self.begins <= (at := clock_on(day, clock)) < self.ends), None)

    def shift_to(self, day: date) -> timedelta:
        """Whole days between the accident's last day and another: the times of day stay as they were."""
        return timedelta(days=(day - self.ends.date()).days)


def names() -> list[str]:
    return sorted(read(path).name for path in FOLDER.glob("*.toml"))


def load(name: str) -> Incident:
    """The accident of this name; IncidentError names those that there are."""
    for path in sorted(FOLDER.glob("*.toml")):
        found = read(path)
        if found.name == name:
            return found
    raise IncidentError(f"there is no incident {name!r}; there are {', '.join(names())}")


def read(path: Path) -> Incident:
    content = tomllib.loads(path.read_text("utf-8"))
    try:
        ends: datetime = content["ends"]
        figures = {name: _figure(path, name, given) for name, given in content["figures"].items()}
        return Incident(
            content["name"],
            content["title"],
            content["plant"],
            content["enterprise"],
            content["source"],
            content["begins"],
            ends,
            clock_on(ends.date(), content["plays_from"]),
            _sources(path, content["sources"]),
            _moment(path, "onset", content["onset"], figures),
            _moment(path, "disaster", content["disaster"], figures),
            path.with_suffix(""),
            figures,
        )
    except KeyError as error:
        raise IncidentError(f"{path.name}: {error.args[0]} is missing") from error


def _sources(path: Path, given: list[str]) -> tuple[str, ...]:
    if not given:
        raise IncidentError(f"{path.name}: sources is empty; name what the published figures were read in")
    return tuple(given)


def _moment(path: Path, what: str, name: str, figures: dict[str, Figure]) -> datetime:
    """The time of the figure that is named as the onset or the disaster."""
    at = figures[name].at if name in figures else None
    if at is None:
        raise IncidentError(f"{path.name}: {what}: there is no figure {name} with a time")
    return at


def clock_on(day: date, clock: str) -> datetime:
    """A time of day, such as 02:30, on a day."""
    try:
        return datetime.combine(day, time.fromisoformat(clock), tzinfo=UTC)
    except ValueError as error:
        raise IncidentError(f"{clock!r} is no time of day such as 02:30") from error


def _figure(path: Path, name: str, given: dict[str, Any]) -> Figure:
    """`is` marks all that a figure gives; `value_is` and `at_is` mark one of two."""
    marks = {part: given.get(f"{part}_is", given.get("is")) for part in ("value", "at") if part in given}
    if not marks or not given.get("says") or not set(marks.values()) <= {PUBLISHED, INTERPOLATED}:
        raise IncidentError(
            f"{path.name}: {name}: must say what it is, and of each thing whether it is {PUBLISHED} or {INTERPOLATED}"
        )
    value = given.get("value")
    return Figure(
        given["says"],
        None if value is None else float(value),
        given.get("at"),
        value_published=marks.get("value") == PUBLISHED,
        at_published=marks.get("at") == PUBLISHED,
    )
