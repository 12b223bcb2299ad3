"""The plants of the accidents: what they show is what was published, and the day before leads to it without a jump."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulators.__main__ import app
from simulators.incident import FOLDER, Incident, IncidentError, load, names, read
from simulators.plants import Plant, plant_of
from simulators.plants.dams import Overtopped
from simulators.plants.freezer import Freezer
from simulators.playback import QUIET_S, played
from simulators.tags import DEMO
from simulators.tags import read as read_tags


def run_until(incident: Incident, at: datetime, step_s: float = 1.0) -> Plant:
    plant = plant_of(incident, seed=1)
    while plant.now < at:
        plant.step(step_s)
    return plant


@pytest.mark.parametrize("name", names())
def test_every_instrument_of_a_site_is_shown_by_its_plant_and_no_other(name: str) -> None:
    incident = load(name)
    tags = read_tags(incident.site)
    assert {(tag.enterprise, tag.source) for tag in tags} == {(incident.enterprise, incident.source)}
    assert {tag.last for tag in tags} == set(plant_of(incident, 1).values())


@pytest.mark.parametrize("name", names())
def test_the_day_before_is_ordinary_whole_and_the_same_for_one_seed(name: str) -> None:
    incident = load(name)
    moments = list(played(incident, read_tags(incident.site), day=incident.ends.date(), day_before=True))
    assert moments[0][0] <= incident.onset - timedelta(days=1) + timedelta(minutes=10)
    assert moments[-1][0] >= incident.disaster - timedelta(minutes=1)
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(moments))
    longest = {tag.tag: max(tag.period_s, QUIET_S) for tag in read_tags(incident.site)}
    newest: dict[str, int] = {}
    for _, readings in moments:
        for one in readings:
            assert one.t_ms - newest.get(one.tag, one.t_ms) <= longest[one.tag] * 1000
            newest[one.tag] = one.t_ms
    assert set(newest) == set(longest)


def test_one_seed_makes_one_day() -> None:
    incident = load("merriespruit")
    days = [
        list(played(incident, read_tags(incident.site), day=date(2026, 3, 1), seed=seed, day_before=True))
        for seed in (5, 5, 6)
    ]
    assert days[0] == days[1]
    assert days[0] != days[2]


def test_the_ordinary_use_of_the_tank_leads_to_the_heel_without_a_jump() -> None:
    incident = load("buncefield")
    tank = plant_of(incident, 1, incident.day_before)
    levels: list[float] = []
    while tank.now < incident.begins + timedelta(minutes=1):
        tank.step(QUIET_S)
        levels.append(tank.values()["LT"] or 0.0)
    assert max(abs(one - other) for one, other in pairwise(levels)) < 0.04  # 560 m3/h for 10 s move it by 3 mm
    assert max(levels) > 8
    assert levels[-1] == pytest.approx(317 / 6000 * 12.22, abs=0.05)


def test_the_batch_of_the_day_before_is_cooled() -> None:
    incident = load("t2-laboratories")
    reactor = plant_of(incident, 1, incident.day_before)
    shown: list[dict[str, float | None]] = []
    while reactor.now < incident.onset - timedelta(minutes=1):
        reactor.step(QUIET_S)
        shown.append(reactor.values())
    assert shown[0]["TT"] == pytest.approx(182, abs=1)
    assert min(one["TT"] or 0.0 for one in shown) == pytest.approx(25, abs=1)
    assert min(one["JF"] or 0.0 for one in shown) > 20


PUBLISHED = {
    ("wengpai", "first_shock"): (None, "10:48:20"),
    ("wengpai", "hot_gas"): (None, "10:45:00"),
    ("wengpai", "cap_off"): (None, "10:50:15"),
    ("wengpai", "shocks"): (7, None),
    ("wengpai", "killed"): (15, None),
    ("san-juanico", "pressure_falls"): (None, "05:30:00"),
    ("san-juanico", "ignition"): (None, "05:35:00"),
    ("san-juanico", "first_bleve"): (None, "05:45:00"),
    ("merriespruit", "storm_mm"): (50, None),
    ("merriespruit", "storm_min"): (30, None),
    ("merriespruit", "water_in_town"): (None, "19:00:00"),
    ("brumadinho", "collapse"): (None, "12:28:00"),
    ("brumadinho", "deformation_mm_year"): (36, None),
}


@pytest.mark.parametrize(("name", "figure"), PUBLISHED)
def test_what_was_published_is_in_the_file_and_marked(name: str, figure: str) -> None:
    value, clock = PUBLISHED[name, figure]
    found = load(name).figures[figure]
    assert (found.value, f"{found.at:%H:%M:%S}" if found.at else None) == (value, clock)
    assert all(found.marks)


def test_wengpais_header_shakes_seven_times_before_its_cap_comes_off() -> None:
    incident = load("wengpai")
    freezer = Freezer(incident, 1, incident.begins)
    shaking: list[tuple[datetime, bool]] = []
    while freezer.now < incident.at("cap_off") - timedelta(seconds=1):
        freezer.step(1)
        shaking.append((freezer.now, (freezer.values()["VB"] or 0.0) > 12))
    begun = [now for (_, before), (now, shakes) in pairwise(shaking) if shakes and not before]
    assert begun[0] == incident.at("first_shock")
    assert len(begun) == 7
    assert 7 <= sum(shakes for _, shakes in shaking) <= 7 * 7


def test_wengpais_last_defrosting_is_the_only_one_without_its_bleed() -> None:
    incident = load("wengpai")
    freezer = Freezer(incident, 1, incident.day_before)
    apart = 0  # steps
    hot: list[float] = []
    while freezer.now < incident.onset:
        freezer.step(5)  # as soon as the bleed follows
        values = freezer.values()
        apart += values["HG"] != values["BV"] and freezer.now < incident.onset
        hot.append(values["HG"] or 0.0)
    assert sum(later > earlier for earlier, later in pairwise(hot)) == 5  # four, and the last that begins
    assert apart == 4 * 2
    freezer.step(60)
    assert (freezer.values()["HG"], freezer.values()["BV"]) == (1, 0)


def test_at_san_juanico_the_station_sees_the_fall_later_and_slower() -> None:
    incident = load("san-juanico")
    plant = run_until(incident, incident.at("pressure_falls"))
    before = plant.values()
    while plant.now < incident.at("ignition"):
        plant.step(1)
    after = plant.values()
    fallen = {name: (before[name] or 0.0) - (after[name] or 0.0) for name in ("LP", "STP")}
    assert fallen["LP"] == pytest.approx(0.15, abs=0.03)
    assert fallen["STP"] == pytest.approx(0.065, abs=0.03)


def test_merriespruits_pool_runs_over_shortly_before_water_is_seen_in_the_town() -> None:
    incident = load("merriespruit")
    dam = Overtopped(incident, 1, incident.begins)
    while dam.freeboard_m > 0:
        dam.step(10)
    assert timedelta(0) < incident.at("water_in_town") - dam.now < timedelta(minutes=15)
    assert dam.values()["RN"] == pytest.approx(53, abs=0.2)


def test_brumadinhos_face_moves_by_what_was_published_and_no_more() -> None:
    incident = load("brumadinho")
    plant = run_until(incident, incident.begins + timedelta(seconds=10), step_s=10)
    first = [plant.values()["DX6"] or 0.0 for _ in range(400)]
    while plant.now < incident.at("collapse"):
        plant.step(600)
    last = [plant.values()["DX6"] or 0.0 for _ in range(400)]
    assert (sum(last) - sum(first)) / 400 == pytest.approx(36 / 365 * 4, abs=0.2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('onset = "gauge_freezes"', 'onset = "nothing"', "onset: there is no figure nothing"),
        ('disaster = "explosion"', 'disaster = "heel"', "disaster: there is no figure heel"),
        ("onset = ", "unset = ", "onset is missing"),
        ("sources = [", "sources = []\nothers = [", "sources is empty"),
    ],
    ids=["unknown onset", "unknown disaster", "no onset", "no sources"],
)
def test_an_accident_says_when_it_began_what_it_led_to_and_who_says_so(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = (FOLDER / "buncefield.toml").read_text()
    assert old in text
    path = tmp_path / "faulty.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(IncidentError, match=said):
        read(path)


def test_an_unknown_plant_names_those_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "faulty.toml"
    path.write_text((FOLDER / "buncefield.toml").read_text().replace('plant = "tank"', 'plant = "ship"'))
    with pytest.raises(IncidentError, match="no plant 'ship'; there are tank"):
        plant_of(read(path), 1)


@pytest.mark.parametrize(("name", "more"), [("buncefield", {"TK912.FO"}), ("t2-laboratories", set())])
def test_the_demo_knows_the_instruments_of_the_accidents_that_it_plays(name: str, more: set[str]) -> None:
    incident = load(name)
    demo = {tag.tag: tag.limits for tag in read_tags(DEMO) if tag.source == incident.source}
    own = {tag.tag: tag.limits for tag in read_tags(incident.site)}
    assert set(own) - set(demo) == more
    assert {tag: own[tag] for tag in demo} == demo


def test_an_accident_with_its_day_before_is_written_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "readings.csv"
    words = ["incident", "merriespruit", "--day-before", "--days-ago", "3", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    head, *rows = out.read_text().splitlines()
    assert head == "ts,enterprise,tag,value,quality"
    first, last = (datetime.fromtimestamp(int(row.split(",")[0]) / 1000, UTC) for row in (rows[0], rows[-1]))
    assert last.date() == datetime.now(UTC).date() - timedelta(days=3)
    assert last - first > timedelta(hours=25)


def test_a_day_before_that_begins_later_is_refused(tmp_path: Path) -> None:
    words = ["incident", "buncefield", "--day-before", "--from", "02:30", "--out", str(tmp_path / "out.csv")]
    found = CliRunner().invoke(app, words)
    assert (found.exit_code, "exclude each other" in found.output) == (2, True)
