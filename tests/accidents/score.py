"""Accidents to what our rules would have said: each is played with the day before it, and replayed by the engine."""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from alerting.events import Event
from hazardwatch.commands.replay import replay
from registry.alarms import LEVELS
from simulators.incident import Incident, load, names
from simulators.playback import played, written
from simulators.tags import read

NOTHING = "no threshold was reached"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that became active, in the accident's own time."""

    at: datetime
    tag: str
    alarm: str

    @property
    def name(self) -> str:
        return f"{self.alarm} {self.tag}"


@dataclass(frozen=True, slots=True)
class Score:
    """What was said of one accident: `rung` from the onset to the disaster, each alarm once, and `false` before it."""

    incident: Incident
    rung: tuple[Alarm, ...]
    false: tuple[Alarm, ...]
    readings: int

    @property
    def first(self) -> Alarm | None:
        return self.rung[0] if self.rung else None

    @property
    def first_limit(self) -> Alarm | None:
        """The first that limits alone would have raised."""
        return next((one for one in self.rung if one.alarm in LEVELS), None)

    def lead(self, alarm: Alarm) -> timedelta:
        """How long before the disaster."""
        return self.incident.disaster - alarm.at

    def find(self, alarm: str, tag: str) -> Alarm | None:
        return next((one for one in self.rung if (one.alarm, one.tag) == (alarm, tag)), None)


def score(incident: Incident, folder: Path, seed: int = 1) -> Score:
    """Plays the accident and the 24 h before anything was wrong, and runs `replay readings` over both."""
    readings, out = folder / f"{incident.name}.csv", folder / f"{incident.name}.jsonl"
    moments = played(incident, read(incident.site), day=incident.ends.date(), seed=seed, day_before=True)
    count = written((rows for _, rows in moments), incident.enterprise, readings)
    words = ["readings", "--site", str(incident.site), "--readings", str(readings), "--out", str(out)]
    with contextlib.redirect_stdout(io.StringIO()):
        replay(words, standalone_mode=False)
    raised = _raised(out)
    return Score(
        incident,
        _once(one for one in raised if incident.onset <= one.at < incident.disaster),
        tuple(one for one in raised if incident.onset - DAY <= one.at < incident.onset),
        count,
    )


def _raised(out: Path) -> list[Alarm]:
    """Every alarm that became active, in order of time."""
    events = [msgspec.json.decode(line, type=Event) for line in out.read_bytes().splitlines()]
    raised = [
        Alarm(datetime.fromtimestamp(event.t / 1000, UTC), event.tag, event.alarm)
        for event in events
        if event.ev == "ACTIVE"
    ]
    return sorted(raised, key=lambda one: one.at)


def _once(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """The first of each."""
    first: dict[str, Alarm] = {}
    for one in alarms:
        first.setdefault(one.name, one)
    return tuple(first.values())


HEAD = (
    "| accident | first rule | first alarm | disaster | lead time | limits alone | false alarms in the 24 h before "
    "| figures published |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def table(scores: list[Score]) -> str:
    """One row an accident; times of day are the accident's own."""
    return "\n".join([HEAD, *(_row(one) for one in scores)])


def _row(found: Score) -> str:
    incident, first, limit = found.incident, found.first, found.first_limit
    cells = [
        incident.title,
        first.name if first else f"**{NOTHING}**",
        f"{first.at:%H:%M:%S}" if first else "–",
        f"{incident.disaster:%H:%M:%S}",
        _lasting(found.lead(first)) if first else "–",
        f"{limit.at:%H:%M:%S} {limit.name}, {_lasting(found.lead(limit))}" if limit else "nothing",
        str(len(found.false)),
        f"{sum(incident.marks)} of {len(incident.marks)}",
    ]
    return f"| {' | '.join(cells)} |"


def details(found: Score) -> str:
    """Every alarm between the onset and the disaster, and every false one."""
    lines = [f"{found.incident.title}: {found.readings:,} readings"]
    lines += [f"  {one.at:%H:%M:%S}  {one.name:<24} {_lasting(found.lead(one))} before" for one in found.rung]
    lines += [] if found.rung else [f"  {NOTHING}"]
    lines += [f"  false: {one.at:%Y-%m-%d %H:%M:%S}  {one.name}" for one in found.false]
    return "\n".join(lines)


def _lasting(span: timedelta) -> str:
    hours, seconds = divmod(round(span.total_seconds()), 3600)
    return f"{hours} h {seconds // 60} min" if hours else f"{seconds // 60} min {seconds % 60} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help=f"accidents, of {', '.join(names())}; else all")
    parser.add_argument("--seed", type=int, default=1, help="of the noise")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores = [score(load(name), Path(folder), given.seed) for name in given.name or names()]
    print(table(scores), end="\n\n")
    print("\n\n".join(details(one) for one in scores))


if __name__ == "__main__":
    main()
