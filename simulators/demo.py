"""A configuration to gateways that live: ordinary days everywhere, and accidents played one after the other."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from simulators.config import Config, ConfigError
from simulators.faults import Fault, FaultError, Together, configured
from simulators.gateway import GatewayClient
from simulators.incident import Incident, load
from simulators.ordinary import Works
from simulators.playback import paced, played
from simulators.reading import Reading
from simulators.tags import Tag, read

DAYS_AGO = 300  # of the first playback; each further one lies a day later, since times of a replay must grow
PAUSE_S = 60.0  # between two playbacks
EXCURSION_EVERY_S = 900
BEHIND_S = 0.05  # how soon a playback looks again whether the broker has caught up


class Gateway:
    """One gateway: its client, and what goes wrong on the way to it."""

    def __init__(self, client: GatewayClient, fault: Fault) -> None:
        self.client = client
        self._fault = fault

    def send(self, readings: list[Reading]) -> None:
        self.client.send([worse for one in readings for worse in self._fault.react(one)])


Gateways = dict[tuple[str, str], Gateway]


def run(config: Config, stop: threading.Event) -> None:
    """Plays until `stop` is set; what one of its threads cannot go on with ends it."""
    tags = read(config.site)
    incidents = [load(name) for name in config.incidents]
    if config.begins and incidents and not any(one.covers(config.begins) for one in incidents):
        raise ConfigError(f"begins: at {config.begins} none of {', '.join(config.incidents)} was going on")
    gateways = _gateways(config)
    failures: list[Exception] = []

    def thread(name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # the top of a thread: handed to the one who started it
                failures.append(error)
                stop.set()

        return threading.Thread(target=guarded, name=name)

    threads = [
        thread("ordinary", lambda: _ordinary_days(gateways, tags, incidents, config.seed, stop)),
        thread("accidents", lambda: _accidents(gateways, tags, incidents, config, stop)),
    ]
    for started in threads:
        started.start()
    stop.wait()
    for started in threads:
        started.join()
    _leave(gateways)
    if failures:
        raise failures[0]


def _gateways(config: Config) -> Gateways:
    faults = _faults(config)
    return {
        (one.enterprise, one.gateway): Gateway(
            GatewayClient(one, config.host, config.port), faults[one.enterprise, one.gateway]
        )
        for one in config.accounts
    }


def _faults(config: Config) -> dict[tuple[str, str], Fault]:
    """What is wrong with each gateway; most have nothing."""
    now_ms = int(time.time() * 1000)
    given = {f"{one.enterprise}/{one.gateway}": (one.enterprise, one.gateway) for one in config.accounts}
    if unknown := set(config.faults) - set(given):
        raise ConfigError(f"faults: {', '.join(sorted(unknown))} is not among the gateways")
    try:
        return {
            where: Together(*(configured(one, now_ms=now_ms) for one in config.faults.get(name, [])))
            for name, where in given.items()
        }
    except FaultError as error:
        raise ConfigError(f"faults: {error}") from error


def _leave(gateways: Gateways) -> None:
    leaving = [threading.Thread(target=gateway.client.close) for gateway in gateways.values()]
    for one in leaving:
        one.start()
    for one in leaving:
        one.join()
    for (enterprise, code), gateway in gateways.items():
        if gateway.client.lost:
            print(f"{enterprise}/{code}: {gateway.client.lost} messages found no room", file=sys.stderr)


def _ordinary_days(
    gateways: Gateways, tags: list[Tag], incidents: list[Incident], seed: int, stop: threading.Event
) -> None:
    """Every tag at its period, one message a gateway a second. Seconds that we come too late for are left out."""
    played_by = {(one.enterprise, one.source) for one in incidents}
    own = [tag for tag in tags if (tag.enterprise, tag.source) not in played_by]
    works = Works([tag for tag in own if (tag.enterprise, tag.gateway) in gateways], seed, time.time() % 86_400)
    chance, restless = random.Random(seed), works.restless()
    begun, second, next_excursion = time.monotonic(), 0, EXCURSION_EVERY_S
    while not stop.wait(max(0.0, begun + second - time.monotonic())):
        if restless and second >= next_excursion:
            chance.choice(restless).excursion()
            next_excursion += EXCURSION_EVERY_S
        now_ms = int(time.time() * 1000)
        due: dict[tuple[str, str], list[Reading]] = {}
        for tag, value in works.due(second):
            due.setdefault((tag.enterprise, tag.gateway), []).append(Reading(now_ms, tag.tag, value))
        for where, gateway in gateways.items():
            if where in due:
                gateway.send(due[where])
            gateway.client.live()
        following = max(second + 1, int(time.monotonic() - begun))
        works.step(following - second)
        second = following


def _accidents(
    gateways: Gateways, tags: list[Tag], incidents: list[Incident], config: Config, stop: threading.Event
) -> None:
    """One after the other, and again a day later, for as long as there are any that our gateways can play."""
    day = _next_day(config.memory)
    playable = [one for one in incidents if _gateway_of(one, tags) in gateways]
    while playable and not stop.is_set():
        for incident in playable:
            _remember(config.memory, day)
            _play(gateways[_gateway_of(incident, tags)], tags, incident, config, day, stop)
            if stop.wait(PAUSE_S):
                return
        day += timedelta(days=1)


def _gateway_of(incident: Incident, tags: list[Tag]) -> tuple[str, str]:
    """The one that all tags of an accident belong to."""
    place = (incident.enterprise, incident.source)
    found = {(tag.enterprise, tag.gateway) for tag in tags if (tag.enterprise, tag.source) == place}
    if len(found) > 1:
        raise ConfigError(f"{'/'.join(place)} has tags of several gateways; an accident needs one clock")
    return found.pop() if found else place


def _play(
    gateway: Gateway, tags: list[Tag], incident: Incident, config: Config, day: date, stop: threading.Event
) -> None:
    """One accident at its speed; it waits for a broker that is behind, so that messages in flight stay few."""
    begins = incident.moment(config.begins) if config.begins and incident.covers(config.begins) else incident.plays_from
    for readings in paced(played(incident, tags, day=day, begins=begins, seed=config.seed), config.speed, stop):
        while gateway.client.is_behind:
            gateway.client.live()
            if stop.wait(BEHIND_S):
                return
        gateway.send(readings)


def _next_day(memory: Path | None) -> date:
    """The day after the last one that was played, also by an earlier run."""
    try:
        played_last = date.fromisoformat(json.loads(memory.read_text())["day"]) if memory else None
    except FileNotFoundError:
        played_last = None
    except (ValueError, KeyError, TypeError):  # damaged: no day but a late one is surely later than what was played
        played_last = datetime.now(UTC).date()
    return played_last + timedelta(days=1) if played_last else datetime.now(UTC).date() - timedelta(days=DAYS_AGO)


def _remember(memory: Path | None, day: date) -> None:
    if memory is not None:
        new = memory.with_suffix(".new")
        new.write_text(json.dumps({"day": day.isoformat()}))
        new.replace(memory)
