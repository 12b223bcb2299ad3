"""Golden vectors and files of readings to alarm events, through the engine that the platform runs."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import msgspec
import numpy as np
import numpy.typing as npt

from alerting.engine import Engine
from alerting.engine.points import LATEST
from alerting.events import Event, encode
from ingest.stored import Readings
from line.messages import CLOCK_GATEWAY, Batch, Command, Tick
from registry.alarms import LEVELS, AlarmSettings, GatewaySettings, Plan, PointSettings, refusal

QUALITIES = {"G": 192, "U": 64, "B": 0}
ROWS = 200_000  # readings parsed and applied at a time: about 20 MB


class ReplayError(Exception):
    """A file that cannot be replayed, with the place and what would be right."""


# Vectors: small timelines that know nothing of each other, as separate points of one engine.


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of one vector; `when` is the engine's clock at which it is taken, never before the step ahead of it."""

    when: int
    vector: int
    body: Mapping[str, Any]


def replay_vectors(path: Path, out: Path) -> None:
    """Runs a file in the format of alarm_vectors.json; writes a JSON array of id with events and final, or refused."""
    try:
        vectors = msgspec.json.decode(path.read_bytes())["vectors"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ReplayError(f"{path}: not a file of vectors: {error}") from error
    out.write_bytes(msgspec.json.format(msgspec.json.encode(run_vectors(vectors)), indent=1))


def run_vectors(vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of all vectors: each is what it would be alone."""
    points: dict[int, PointSettings] = {}
    refused: dict[int, str] = {}
    for number, vector in enumerate(vectors):
        try:
            points[number] = _vector_point(number, vector, taken={point.tag for point in points.values()})
        except msgspec.ValidationError as error:
            refused[number] = str(error)
            continue
        if (why := refusal(points[number])) is not None:
            refused[number] = why
            del points[number]
    gateways = tuple(GatewaySettings(number, "vectors", str(number)) for number in points)
    engine = Engine(Plan(1, tuple(points.values()), gateways=gateways), per_sample_late=True)
    steps = [step for number in points for step in _steps(number, vectors[number]["steps"])]
    events: dict[str, list[Event]] = {point.tag: [] for point in points.values()}
    engine = _drive(engine, sorted(steps, key=lambda step: step.when), points, events)
    return [
        {"id": vector["id"], "refused": refused[number]}
        if number in refused
        else {
            "id": vector["id"],
            "events": [msgspec.to_builtins(event) for event in events[points[number].tag]],
            "final": engine.states(number),
        }
        for number, vector in enumerate(vectors)
    ]


def _vector_point(number: int, vector: Mapping[str, Any], taken: set[str]) -> PointSettings:
    tag = vector["id"] if vector["id"] not in taken else f"{vector['id']}#{number}"
    alarms = {level: msgspec.convert(alarm, AlarmSettings) for level, alarm in vector["alarms"].items()}
    settings = {**vector.get("point", {}), "id": number, "enterprise": "vectors", "source": "vectors"}
    return msgspec.structs.replace(msgspec.convert({**settings, "tag": tag}, PointSettings), alarms=alarms)


def _steps(number: int, steps: list[dict[str, Any]]) -> Iterator[_Step]:
    """A vector's steps on the clock; a sample that comes in late is taken when it comes."""
    when = None
    for body in steps:
        own = body.get("at", body["s"][0]) if "s" in body else body.get("tick", body.get("t"))
        if own is not None:
            when = own if when is None else max(when, own)
        yield _Step(0 if when is None else when, number, body)


def _drive(
    engine: Engine, steps: list[_Step], points: Mapping[int, PointSettings], events: Mapping[str, list[Event]]
) -> Engine:
    """All steps in the order of the clock. A tick is that of its vector alone."""
    samples: list[_Step] = []
    for step in [*steps, None]:
        if step is not None and "s" in step.body:
            samples.append(step)
            continue
        said = engine.apply(_vector_batch(samples), samples[-1].when) if samples else []
        samples = []
        if step is None:
            pass
        elif "tick" in step.body:
            said += engine.advance(step.body["tick"], [step.vector])
        elif "cmd" in step.body:
            said += engine.apply(_vector_command(points[step.vector], step.body), step.when)
        elif step.body.get("restart"):
            engine = Engine.restore(engine.snapshot())
        for event in said:
            events[event.tag].append(event)
    return engine


def _vector_batch(steps: list[_Step]) -> Batch:
    """Each sample a message of its own vector's gateway."""
    rows = [step.body["s"] for step in steps]
    arrivals = [step.body.get("at", step.body["s"][0]) for step in steps]
    return readings_batch(
        gateways=np.array([step.vector for step in steps], np.int32),
        at_ms=np.array(arrivals, np.int64),
        message=np.arange(len(steps), dtype=np.int32),
        points=np.array([step.vector for step in steps], np.int32),
        t_ms=np.array([row[0] for row in rows], np.int64),
        values=np.array([nan if row[1] is None else float(row[1]) for row in rows]),
        qualities=np.array([QUALITIES[row[2]] for row in rows], np.uint8),
    )


def _vector_command(point: PointSettings, body: Mapping[str, Any]) -> Command:
    return Command(
        id="",
        cmd=body["cmd"],
        enterprise=point.enterprise,
        tag=point.tag,
        alarm=body.get("alarm", ""),
        user=body.get("user", ""),
        at_ms=body["t"],
        occ=body.get("occ"),
        comment=body.get("comment"),
        reason=body.get("reason", body.get("cause")),
        until=body.get("until"),
        oneshot=body.get("oneshot", False),
        on=body.get("on"),
        permit=body.get("permit"),
        values=body.get("values", {}),
    )


def readings_batch(
    *,
    gateways: npt.NDArray[np.int32],
    at_ms: npt.NDArray[np.int64],
    message: npt.NDArray[np.int32],
    points: npt.NDArray[np.int32],
    t_ms: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    qualities: npt.NDArray[np.uint8],
) -> Batch:
    """A batch of readings that nobody repeats: no hashes, and the gateways' own times."""
    return Batch(
        registry=0,
        hashes=np.zeros(len(gateways), np.uint64),
        gateways=gateways,
        at_ms=at_ms,
        message=message,
        points=points,
        t_ms=t_ms,
        values=values,
        qualities=qualities,
        clocks=np.full(len(points), CLOCK_GATEWAY, np.uint8),
        source_t_ms=t_ms,
    )


# Readings: one file of `ts,enterprise,tag,value,quality` through one plan.


COLUMNS = ("ts", "enterprise", "tag", "value", "quality")
CELLS = {"192": 192, "64": 64, "0": 0, "": 192}  # cells of quality


def as_batch(readings: Readings) -> Batch:
    """Arrival is event time; the readings of one time are one message."""
    new = np.diff(readings.t_ms, prepend=readings.t_ms[0] - 1) != 0
    at_ms = readings.t_ms[new]
    return readings_batch(
        gateways=np.full(len(at_ms), -1, np.int32),
        at_ms=at_ms,
        message=(np.cumsum(new) - 1).astype(np.int32),
        points=readings.points,
        t_ms=readings.t_ms,
        values=readings.values,
        qualities=readings.qualities,
    )


def replay_readings(plan: Plan, path: Path, out: Path, say: Callable[[str], None] = print) -> None:
    """Runs a CSV of readings in order of time, arrival = ts, one tick at the end; writes one event a line.

    A sorted file is read in pieces; one that is not is read whole (21 bytes a reading), and sorted stably by ts.
    """
    started = time.perf_counter()
    engine = Engine(future_guarded(plan), per_sample_late=True)
    try:
        count, raised = _run_readings(engine, path, {(p.enterprise, p.tag): p.id for p in plan.points}, out)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path}: not a CSV file in UTF-8: {error}") from error
    tell_sum(count, raised, time.perf_counter() - started, say)


def tell_sum(count: int, raised: Counter[str], took_s: float, say: Callable[[str], None]) -> None:
    """How fast it was, and how many alarms of each level were raised."""
    took_s = max(took_s, 1e-9)
    say(f"{count:,} readings in {took_s:.2f} s: {count / took_s:,.0f} readings/s")
    say("alarms: " + ", ".join(f"{level} {raised[level]}" for level in [*LEVELS, *sorted(raised.keys() - set(LEVELS))]))


def _run_readings(
    engine: Engine, path: Path, ids: Mapping[tuple[str, str], int], out: Path
) -> tuple[int, Counter[str]]:
    raised: Counter[str] = Counter()
    count = 0
    newest: int | None = None
    pieces = _pieces(path, ids) if _is_sorted(path) else _sorted(_pieces(path, ids))
    with out.open("wb") as lines:
        for piece in pieces:
            count += len(piece)
            newest = int(piece.t_ms[-1])
            write_events(lines, engine.apply(as_batch(piece), newest), raised)
        if newest is not None:
            write_events(lines, engine.apply(Tick(newest), newest), raised)
    return count, raised


def future_guarded(plan: Plan) -> Plan:
    """Ten seconds ahead at most, unless the plan says otherwise (the default of replay)."""
    points = tuple(
        point if point.max_future_ms is not None else msgspec.structs.replace(point, max_future_ms=10_000)
        for point in plan.points
    )
    return msgspec.structs.replace(plan, points=points)


def write_events(lines: BinaryIO, events: list[Event], raised: Counter[str]) -> None:
    """One a line; counts what is raised."""
    for event in events:
        lines.write(encode(event))
        lines.write(b"\n")
        if event.ev == "ACTIVE":
            raised[event.alarm] += 1


def _is_sorted(path: Path) -> bool:
    """Whether the times never go back; where they cannot be read, the reading itself will say so."""
    newest = None
    with _opened(path) as file:
        rows = csv.reader(file)
        column = _columns(path, next(rows, []))["ts"]
        try:
            for row in rows:
                if not row:
                    continue
                t = int(row[column])
                if newest is not None and t < newest:
                    return False
                newest = t
        except (ValueError, IndexError):
            return True
    return True


def _pieces(path: Path, ids: Mapping[tuple[str, str], int]) -> Iterator[Readings]:
    with _opened(path) as file:
        rows = csv.reader(file)
        place = _columns(path, next(rows, []))
        order = [place[name] for name in COLUMNS]
        parsed: list[tuple[int, int, float, int]] = []
        for row in rows:
            if not row:
                continue
            try:
                t, enterprise, tag, value, quality = (row[column] for column in order)
                point = ids[enterprise, tag]
                parsed.append((_time(t), point, float(value) if value else nan, CELLS[quality]))
            except (ValueError, KeyError, IndexError):
                raise _fault(path, rows.line_num, row, place, ids) from None
            if len(parsed) == ROWS:
                yield _columned(parsed)
                parsed = []
        if parsed:
            yield _columned(parsed)


def _time(text: str) -> int:
    t = int(text)
    if not -LATEST < t < LATEST:
        raise ValueError(text)
    return t


def _columned(parsed: list[tuple[int, int, float, int]]) -> Readings:
    t, points, values, qualities = zip(*parsed, strict=True)
    return Readings(np.array(t, np.int64), np.array(points, np.int32), np.array(values), np.array(qualities, np.uint8))


def _sorted(pieces: Iterator[Readings]) -> Iterator[Readings]:
    whole = list(pieces)
    if not whole:
        return
    names = ("t_ms", "points", "values", "qualities")
    columns = [np.concatenate([getattr(piece, name) for piece in whole]) for name in names]
    order = np.argsort(columns[0], kind="stable")
    for start in range(0, len(order), ROWS):
        yield Readings(*(column[order[start : start + ROWS]] for column in columns))


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}") from error


def _columns(path: Path, names: list[str]) -> dict[str, int]:
    place = {name.strip(): number for number, name in enumerate(names)}
    for name in COLUMNS:
        if name not in place:
            raise ReplayError(f"{path}:1: {name}: no such column; the first row names ts,enterprise,tag,value,quality")
    return place


def _fault(
    path: Path, line: int, row: list[str], place: Mapping[str, int], ids: Mapping[tuple[str, str], int]
) -> ReplayError:
    """What is wrong with a row, and where."""

    def at(column: str, what: str) -> ReplayError:
        return ReplayError(f"{path}:{line}: {column}: {what}")

    cells = {name: row[column] if column < len(row) else None for name, column in place.items()}
    for name in COLUMNS:
        if cells[name] is None:
            return at(name, f"missing; the row has {len(row)} of {len(place)} cells")
    if not _reads(int, cells["ts"]):
        return at("ts", f"{cells['ts']!r} is no time; Unix milliseconds are wanted")
    if not _reads(_time, cells["ts"]):
        return at("ts", f"{cells['ts']} is beyond any year; Unix milliseconds are wanted")
    if (cells["enterprise"], cells["tag"]) not in ids:
        return at("tag", f"the site has no tag {cells['enterprise']}/{cells['tag']}")
    if cells["value"] and not _reads(float, cells["value"]):
        return at("value", f"{cells['value']!r} is no number; empty is a bad reading")
    return at("quality", f"{cells['quality']!r} is none of 192, 64, 0 or empty")


def _reads(kind: Callable[[str], object], text: str | None) -> bool:
    try:
        kind(text or "")
    except ValueError:
        return False
    return True
