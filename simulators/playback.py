"""An accident to readings with its own times of day on another day, as fast as wanted."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from simulators.incident import Incident
from simulators.plants import plant_of
from simulators.reading import Reading
from simulators.tags import Tag

STEP_S = 1.0
QUIET_S = 10.0  # how often a gateway reports at most on the day before: what is quiet is thinned
CLOSE = timedelta(minutes=30)  # before the onset everything is reported at its own period
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MESSAGE_S = 0.5  # of our time: what happens in it is given out together
MOST_READINGS = 4000  # given out together, however fast it goes

Moments = Iterable[tuple[datetime, list[Reading]]]


def played(
    incident: Incident,
    tags: list[Tag],
    *,
    day: date,
    begins: datetime | None = None,
    seed: int = 1,
    day_before: bool = False,
) -> Iterator[tuple[datetime, list[Reading]]]:
    """Second by second: the accident's own moment, and the readings due then, their times on `day`.

    `day` is where the accident's last day is shifted to. What lies before `begins` happens, but is not shown.
    With `day_before` it begins with at least 24 h of ordinary use before anything was wrong.
    """
    since = incident.day_before if day_before else incident.begins
    plant = plant_of(incident, seed, since)
    quiet_until = incident.onset - CLOSE if day_before else since
    shift = incident.shift_to(day)
    own = [tag for tag in tags if (tag.enterprise, tag.source) == (incident.enterprise, incident.source)]
    start = begins or since
    while plant.now < incident.ends:
        step_s = QUIET_S if plant.now < quiet_until else STEP_S
        plant.step(step_s)
        if plant.now < start:
            continue
        second = int((plant.now - since) / timedelta(seconds=1))
        due = [tag for tag in own if second % max(round(step_s), round(tag.period_s)) == 0]
        if due:
            t_ms = (plant.now + shift - EPOCH) // timedelta(milliseconds=1)
            values = plant.values()
            yield plant.now, [Reading(t_ms, tag.tag, values.get(tag.last)) for tag in due]


def paced(moments: Moments, speed: float, stop: threading.Event) -> Iterator[list[Reading]]:
    """Readings when their moment has come, `speed` seconds of the accident in one of ours; ends early with `stop`."""
    held: list[Reading] = []
    given_s = 0.0
    first: datetime | None = None
    begun = 0.0
    for moment, readings in moments:
        if first is None:
            first, begun = moment, time.monotonic()
        at_s = (moment - first).total_seconds() / speed
        if held and (at_s - given_s >= MESSAGE_S or len(held) >= MOST_READINGS):
            if stop.wait(max(0.0, begun + at_s - time.monotonic())):
                return
            yield held
            held, given_s = [], at_s
        held += readings
    if held:
        yield held


def written(batches: Iterable[list[Reading]], enterprise: str, out: Path) -> int:
    """Writes ts,enterprise,tag,value,quality as the readings come; says how many there were."""
    rows = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["ts", "enterprise", "tag", "value", "quality"])
        for readings in batches:
            writer.writerows([one.t_ms, enterprise, one.tag, one.value, one.quality] for one in readings)
            file.flush()
            rows += len(readings)
    return rows
