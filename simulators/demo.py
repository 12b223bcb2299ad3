"""A configuration to gateways that live: ordinary days everywhere, and accidents played one after the other."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from simulators.gateway import Account, GatewayClient
from simulators.incident import Incident, clock_on, load
from simulators.ordinary import Ordinary, OrdinaryTank
from simulators.playback import played
from simulators.reading import Reading
from simulators.tags import DEMO, Tag, read

DAYS_AGO = 300  # of the first playback; each further one lies a day later, since times of a replay must grow
PAUSE_S = 45.0  # between two playbacks
EXCURSION_EVERY_S = 900.0
PLAYED = ("buncefield", "t2-laboratories")
MESSAGE_S = 0.5  # of our time: what is due in it goes out as one message


@dataclass(frozen=True, slots=True)
class Config:
    """Where the broker is, who the gateways are, and what to play how fast; `begins` overrides the file's start."""

    host: str
    port: int
    accounts: list[Account]
    site: Path = DEMO
    incidents: tuple[str, ...] = PLAYED
    speed: float = 60.0
    begins: str | None = None
    seed: int = 1
    memory: Path | None = None  # remembers which day was played last

    @classmethod
    def read(cls, path: Path) -> Config:
        content: dict[str, Any] = json.loads(path.read_text())
        given = {name: content[name] for name in ("speed", "begins", "seed") if name in content}
        return cls(
            content["mqtt"]["host"],
            content["mqtt"]["port"],
            [Account(**one) for one in content["gateways"]],
            site=Path(content.get("site", DEMO)),
            incidents=tuple(content.get("incidents", PLAYED)),
            memory=path.with_name("simulators-memory.json"),
            **given,
        )


def run(config: Config, stop: threading.Event) -> None:
    """Plays until `stop` is set."""
    tags = read(config.site)
    incidents = [load(name) for name in config.incidents]
    played_by = {(one.enterprise, one.source) for one in incidents}
    clients = {(one.enterprise, one.gateway): GatewayClient(one, config.host, config.port) for one in config.accounts}
    ordinary = [tag for tag in tags if (tag.enterprise, tag.source) not in played_by]
    threads = [
        threading.Thread(target=_ordinary_days, args=(clients, ordinary, config.seed, stop), name="ordinary"),
        threading.Thread(target=_accidents, args=(clients, tags, incidents, config, stop), name="accidents"),
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    for client in clients.values():
        client.close()


Clients = dict[tuple[str, str], GatewayClient]


def _ordinary_days(clients: Clients, tags: list[Tag], seed: int, stop: threading.Event) -> None:
    """Every tag at its period, one message a gateway a second."""
    chance = random.Random(seed)
    models = [Ordinary(tag, seed) for tag in tags]
    tanks = {tag.source: OrdinaryTank(chance.randrange(1 << 30)) for tag in tags if tag.source.startswith("TK")}
    restless = [one for one in models if "h" in one.tag.limits and one.tag.kind in ("temperature", "pressure")]
    second = 0
    begun = time.monotonic()
    while not stop.wait(max(0.0, begun + second - time.monotonic())):
        for model in models:
            model.step(1.0)
        for tank in tanks.values():
            tank.step(1.0)
        if restless and second and second % EXCURSION_EVERY_S == 0:
            chance.choice(restless).excursion()
        now_ms = int(time.time() * 1000)
        due: dict[tuple[str, str], list[Reading]] = {}
        for place, model in enumerate(models):
            tag = model.tag
            if (second + place) % max(1, round(tag.period_s)) == 0:
                value = _tank_value(tag, tanks) if tag.source in tanks else None
                shown = model.value() if value is None else value
                due.setdefault((tag.enterprise, tag.gateway), []).append(Reading(now_ms, tag.tag, shown))
        for where, client in clients.items():
            client.live()
            client.send(due.get(where, []))
        second += 1


def _tank_value(tag: Tag, tanks: dict[str, OrdinaryTank]) -> float | None:
    """Level and inlet of a tank belong together."""
    if tag.kind == "level":
        return tanks[tag.source].level_m()
    return tanks[tag.source].flow_m3h() if tag.kind == "flow" else None


def _accidents(
    clients: Clients, tags: list[Tag], incidents: list[Incident], config: Config, stop: threading.Event
) -> None:
    day = _next_day(config.memory)
    while not stop.is_set():
        for incident in incidents:
            _remember(config.memory, day)
            _play(clients, tags, incident, config, day, stop)
            if stop.wait(PAUSE_S):
                return
        day += timedelta(days=1)


def _play(
    clients: Clients, tags: list[Tag], incident: Incident, config: Config, day: date, stop: threading.Event
) -> None:
    """One accident at its speed, in messages of what is due in MESSAGE_S of our time."""
    begins = clock_on(incident.ends.date(), config.begins) if config.begins else incident.plays_from
    gateway_of = {tag.tag: (tag.enterprise, tag.gateway) for tag in tags if tag.enterprise == incident.enterprise}
    due: dict[tuple[str, str], list[Reading]] = {}
    begun = sent = time.monotonic()
    for moment, readings in played(incident, tags, day=day, begins=begins, seed=config.seed):
        for one in readings:
            due.setdefault(gateway_of[one.tag], []).append(one)
        at = begun + (moment - begins).total_seconds() / config.speed
        if at - sent < MESSAGE_S:
            continue
        sent = at
        for where, own in due.items():
            clients[where].send(own)
        due = {}
        if stop.wait(max(0.0, at - time.monotonic())):
            return
    for where, own in due.items():
        clients[where].send(own)


def _next_day(memory: Path | None) -> date:
    """The day after the last one that was played, also by an earlier run."""
    if memory is not None and memory.exists():
        return date.fromisoformat(json.loads(memory.read_text())["day"]) + timedelta(days=1)
    return datetime.now(UTC).date() - timedelta(days=DAYS_AGO)


def _remember(memory: Path | None, day: date) -> None:
    if memory is not None:
        memory.write_text(json.dumps({"day": day.isoformat()}))
