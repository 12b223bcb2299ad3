"""A backtest as a process of its own: what to do comes on standard input, how far it is and the result go out as lines.

python -m alerting.backtest_job < job.json
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from alerting.backtest import Backtest, Comparison
from ingest.progress import Far, Progress
from ingest.stored import guess, stored_readings
from registry.alarms import Plan
from registry.database import Database, DatabaseError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POLITENESS = 10  # of the process: whatever is live goes first


class Job(msgspec.Struct, frozen=True):
    """Both plans, cut down to what the change touches, and the period in Unix milliseconds."""

    database_url: str
    before: Plan
    after: Plan
    begin: int
    end: int


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the answer: how far it is, or the result, or why there is none."""

    done: float = 0.0  # to 1
    readings: int = 0
    about: int = 0  # readings in all
    remaining_s: float | None = None
    result: Comparison | None = None
    error: str | None = None


async def work(job: Job, say: Callable[[Line], None]) -> None:
    """The whole backtest; tells how far it is after every slice of readings."""
    backtest = Backtest(job.before, job.after)
    points = {point.id for plan in (job.before, job.after) for point in plan.points}
    begin, end = (EPOCH + timedelta(milliseconds=t) for t in (job.begin, job.end))
    database = await Database.open(job.database_url, name="backtest", connections=1)
    try:
        progress = Progress(await guess(database, points, begin, end))
        say(_line(progress.at(begin, 0, 0.0)))
        begun = time.monotonic()
        async with aclosing(stored_readings(database, points, begin, end)) as slices:
            async for piece in slices:
                backtest.take(piece.readings)
                say(_line(progress.at(piece.end, backtest.readings, time.monotonic() - begun)))
    finally:
        await database.close()
    say(Line(1.0, backtest.readings, backtest.readings, 0.0, backtest.result(job.begin, job.end)))


def _line(far: Far) -> Line:
    return Line(far.done, far.readings, far.about, far.remaining_s)


def main() -> None:
    """Reads one job, writes lines of JSON."""
    os.nice(POLITENESS)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is the answer
    encode = msgspec.json.Encoder().encode

    def say(line: Line) -> None:
        sys.stdout.buffer.write(encode(line) + b"\n")
        sys.stdout.buffer.flush()

    try:
        asyncio.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Job), say))
    except DatabaseError as error:
        say(Line(error=f"the database: {error}"))
        sys.exit(1)


if __name__ == "__main__":
    main()
