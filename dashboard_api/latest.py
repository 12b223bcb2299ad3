"""The newest reading of every tag of many sources: from memory, and from the database what the line has forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from dashboard_api.live.values import Newest, Values
from dashboard_api.wire import to_json
from ingest.latest import Stored, latest
from registry.database import Away, Database

EPOCH, MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
AT_ONCE = 2_000  # tags in a piece of the answer: 4 ms in which nothing else is served
AWAY_S = 10.0  # so long a database that is away is not waited for again
QUESTION = 1_000  # points in a question to the database: one that never had a reading is looked for in every day
Ids = npt.NDArray[np.int32]


class Asked:
    """Which points the database was asked for: once is enough, whatever comes later is in memory."""

    def __init__(self) -> None:
        self._asked: set[int] = set()
        self._away_until_s = 0.0

    async def complete(self, values: Values, points: Ids, database: Database | None) -> bool:
        """Puts into memory what is kept of points without a value; false where the database cannot say now."""
        unknown = points[~values.newest(points).known].tolist()
        for begin in range(0, len(unknown), QUESTION):
            some = [point for point in unknown[begin : begin + QUESTION] if point not in self._asked]
            if not some:
                continue
            now_s = asyncio.get_running_loop().time()
            if database is None or now_s < self._away_until_s:
                return False
            try:
                found = await latest(database, some)
            except Away:
                self._away_until_s = now_s + AWAY_S
                return False
            if found:
                values.remember(np.array([one.point for one in found], np.int32), _columns(found))
            self._asked.update(some)
        return True


async def lines(
    values: Values, sources: Sequence[str], asked: Asked, database: Database | None
) -> AsyncGenerator[bytes, None]:
    """A JSON line for each source, `values` as a readings frame has them: {tag: [value, quality, t]}."""
    for some in _portions(values, sources):
        points = np.concatenate([ids for _, _, ids in some])
        complete = await asked.complete(values, points, database)
        cells, place, said = _cells(values.newest(points)), 0, []
        for source, tags, _ in some:
            shown = zip(tags, cells[place : place + len(tags)], strict=True)
            place += len(tags)
            line = {"source": source, "complete": complete, "values": {tag: cell for tag, cell in shown if cell}}
            said.append(to_json(line))
        yield b"\n".join(said) + b"\n"


def _portions(values: Values, sources: Sequence[str]) -> Iterator[list[tuple[str, list[str], Ids]]]:
    """Sources with their tags and points, so many at once that they are worth a column."""
    some: list[tuple[str, list[str], Ids]] = []
    count = 0
    for source in sources:
        tags, points = values.tags_of(source)
        some.append((source, tags, points))
        count += len(tags)
        if count >= AT_ONCE:
            yield some
            some, count = [], 0
    if some:
        yield some


def _cells(newest: Newest) -> list[tuple[float, int, str] | None]:
    """Value, quality and time of each, None where there is none."""
    times = np.datetime_as_string(np.where(newest.known, newest.t_ms, 0).astype("M8[ms]"), timezone="UTC").tolist()
    shown = zip(newest.values.tolist(), newest.qualities.tolist(), times, strict=True)
    return [cell if known else None for cell, known in zip(shown, newest.known.tolist(), strict=True)]


def _columns(found: Sequence[Stored]) -> Newest:
    return Newest(
        np.ones(len(found), np.bool_),
        np.array([(one.t - EPOCH) // MS for one in found], np.int64),
        np.array([np.nan if one.value is None else one.value for one in found], np.float64),
        np.array([one.quality for one in found], np.uint8),
        np.array([(one.received_at - EPOCH) // MS for one in found], np.int64),
    )
