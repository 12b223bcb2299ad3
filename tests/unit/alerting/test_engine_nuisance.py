"""What would train people not to listen, and what would tell them nothing: chattering signals, silent instruments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

import numpy as np
import pytest

from alerting.engine import Engine
from alerting.events import Ev, Event
from alerting.replay import as_batch
from ingest.stored import Readings
from line.messages import Command, Tick
from registry.merge import merge
from registry.plan import compile_plan
from registry.site import Site

START = 1_767_225_600_000
HOUR, MINUTE, SECOND = 3_600_000, 60_000, 1_000
KINDS = {  # a range, and H and HH in it
    "level": ("m", 0, 10, 8, 9),
    "flow": ("m3/h", 0, 100, 80, 90),
    "pressure": ("MPa", 0, 2, 1.6, 1.8),
    "temperature": ("°C", 0, 100, 80, 90),
    "gas_combustible": ("%LEL", 0, 100, 25, 50),
    "gas_toxic": ("ppm", 0, 100, 10, 20),
}


def site_of(tags: Iterable[str], rules: str = "") -> Site:
    files = {
        "regions.csv": "code,name,parent\n330000,Province,\n",
        "enterprises.csv": "code,name,region\nE1,First,330000\n",
        "sources.csv": "enterprise,code,name\nE1,S1,Source\n",
        "gateways.csv": "enterprise,code\nE1,GW1\n",
        "tags.csv": "\n".join(
            ["enterprise,source,tag,kind,unit,range_lo,range_hi,h,hh,period_s,stale_s,deadband,on_delay_s", *tags, ""]
        ),
    }
    if rules:
        files["rules.csv"] = rules
    return merge(Site(), {name: text.encode() for name, text in files.items()}).site


def plant(tags: Iterable[str], rules: str = "") -> tuple[Engine, dict[str, int]]:
    """An engine, and the ids of the tags."""
    site = site_of(tags, rules)
    return Engine(compile_plan(site)), {one.tag: one.id for one in site.tags.values() if one.enterprise == "E1"}


def fed(engine: Engine, columns: dict[int, tuple[np.ndarray, np.ndarray]], *, step: int = MINUTE) -> Iterator[Event]:
    """Values of points at their times, in order, a piece of `step` at a time, each with a tick at its end."""
    points = np.concatenate([np.full(len(t), point, np.int32) for point, (t, _) in columns.items()])
    t = np.concatenate([t for t, _ in columns.values()]).astype(np.int64)
    values = np.concatenate([v for _, v in columns.values()]).astype(np.float64)
    order = np.lexsort((points, t))
    points, t, values = points[order], t[order], values[order]
    for begin in range(int(t[0]), int(t[-1]) + 1, step):
        piece = slice(*np.searchsorted(t, [begin, begin + step]))
        if len(t[piece]):
            readings = Readings(t[piece], points[piece], values[piece], np.full(len(t[piece]), 192, np.uint8))
            yield from engine.apply(as_batch(readings), int(t[piece][-1]))
        yield from engine.apply(Tick(begin + step - 1), begin + step - 1)


def square(period_ms: int, low: float, high: float, *, length: int = HOUR) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(START, START + length, period_ms // 2)
    return t, np.where(np.arange(len(t)) % 2, high, low)


def most_in(events: list[Event], span: int) -> int:
    """The most annunciations of one alarm in any stretch of time of that length."""
    heard: dict[tuple[str, str], list[int]] = {}
    for event in events:
        if event.ann:
            heard.setdefault((event.tag, event.alarm), []).append(event.t)
    counts = [
        int(np.searchsorted(times, t + span) - place) for times in heard.values() for place, t in enumerate(times)
    ]
    return max(counts, default=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_that_chatters_ten_times_a_second_for_an_hour_rings_three_times_in_ten_minutes_at_most(
    kind: str,
) -> None:
    unit, lo, hi, h, hh = KINDS[kind]
    engine, ids = plant([f"E1,S1,T,{kind},{unit},{lo},{hi},{h},{hh},1,60,,"])
    events = list(fed(engine, {ids["T"]: square(100, lo, hi)}))
    assert most_in(events, 10 * MINUTE) <= 3, "the deadbands and delays of its kind are enough"


def test_one_without_any_delay_is_silenced_by_a_shelve_that_says_who_and_why() -> None:
    engine, ids = plant(["E1,S1,T,other,x,0,100,80,,1,60,0,0"])
    point = ids["T"]
    t, values = square(100, 0, 100)
    before = list(fed(engine, {point: (t[:100], values[:100])}))
    assert most_in(before, 10 * MINUTE) > 3, "it does chatter"
    now = int(t[99]) + 1
    shelve = Command("c1", "SHELVE", "E1", "T", "H", "operator 1", now, reason="valve hammers", until=now + 10 * MINUTE)
    (shelved,) = engine.apply(shelve, now)
    assert (shelved.ev, shelved.user, shelved.reason, shelved.until) == (
        Ev.SHELVED,
        "operator 1",
        "valve hammers",
        now + 10 * MINUTE,
    )
    during = list(fed(engine, {point: (t[100:12_000], values[100:12_000])}))
    assert not [event for event in during if event.ann], "not a sound while it is shelved"
    after = list(fed(engine, {point: (t[12_000:18_000], values[12_000:18_000])}))
    assert [event.ev for event in after if event.ev is Ev.UNSHELVED] == [Ev.UNSHELVED], "and it ends by itself"


def test_a_tag_that_falls_silent_is_stale_after_three_scans_and_its_neighbours_are_not() -> None:
    scan = 10 * SECOND
    engine, ids = plant([f"E1,S1,{tag},level,m,0,10,8,9,10,,," for tag in ("A", "B", "C")])
    t = np.arange(START, START + 20 * MINUTE, scan)
    stops = START + 10 * MINUTE
    noise = np.random.default_rng(1)
    columns = {
        ids[tag]: (t[t <= stops] if tag == "B" else t, noise.normal(5, 0.01, len(t[t <= stops] if tag == "B" else t)))
        for tag in ("A", "B", "C")
    }
    events = list(fed(engine, columns, step=scan))
    assert [(event.tag, event.ev, event.t - stops) for event in events] == [("B", Ev.STALE, 3 * scan)]


AREA = 240.0  # of the tank, m2
FLAT = 'enterprise,source,rule,type,inputs,params\nE1,S1,R1,FLAT,"flow=F;level=L","flow_min=50;noise=0.015;minutes=5"\n'


def a_day(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minutes, the flow into a tank that is filled and left alone in turn, and its level with noise."""
    chance = Random(seed)  # noqa: S311  the same day each time
    t = np.arange(START, START + 24 * HOUR, MINUTE)
    flow = np.zeros(len(t))
    place = 0
    while place < len(t):
        length = chance.randrange(30, 180)
        flow[place : place + length] = chance.choice((0.0, 60.0, 300.0))
        place += length
    level = np.cumsum(flow) / 60 / AREA + np.random.default_rng(seed).normal(0, 0.001, len(t))
    return t, flow, level


@pytest.mark.parametrize("seed", range(5))
def test_an_ordinary_day_of_noise_rings_nothing(seed: int) -> None:
    engine, ids = plant(["E1,S1,F,flow,m3/h,0,500,,,60,,,", "E1,S1,L,level,m,0,10,,,60,,,"], FLAT)
    t, flow, level = a_day(seed)
    assert list(fed(engine, {ids["F"]: (t, flow), ids["L"]: (t, level)})) == []


@pytest.mark.parametrize("noise", [0.0, 0.001])
@pytest.mark.parametrize("flow", [60.0, 300.0])
def test_a_gauge_that_freezes_while_the_tank_is_filled_rings_after_the_time_that_was_set(
    flow: float, noise: float
) -> None:
    engine, ids = plant(["E1,S1,F,flow,m3/h,0,500,,,60,,,", "E1,S1,L,level,m,0,10,,,60,,,"], FLAT)
    t = np.arange(START, START + 4 * HOUR, MINUTE)
    freezes = START + 2 * HOUR
    level = np.minimum(t - START, freezes - START) / HOUR * flow / AREA
    level += np.random.default_rng(2).normal(0, noise, len(t)) if noise else 0
    events = list(fed(engine, {ids["F"]: (t, np.full(len(t), flow)), ids["L"]: (t, level)}))
    assert {event.ev for event in events} <= {Ev.ACTIVE, Ev.REALARM}, "it rings once, and again until somebody answers"
    assert (events[0].alarm, events[0].ev) == ("FLAT", Ev.ACTIVE)
    assert freezes + MINUTE <= events[0].t <= freezes + 6 * MINUTE  # at 60 m3/h the last 4 min hardly moved it either
