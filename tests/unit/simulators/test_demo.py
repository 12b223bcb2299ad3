"""The demo's days: each playback lies a day after the last, also after a restart and a damaged memory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from simulators.demo import DAYS_AGO, _gateway_of, _next_day, _remember
from simulators.incident import load, names
from simulators.tags import DEMO, read


def test_the_first_playback_lies_far_in_the_past() -> None:
    assert _next_day(None) == datetime.now(UTC).date() - timedelta(days=DAYS_AGO)


def test_each_run_goes_on_a_day_after_the_last(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    assert _next_day(memory) == datetime.now(UTC).date() - timedelta(days=DAYS_AGO)
    _remember(memory, date(2026, 2, 28))
    assert _next_day(memory) == date(2026, 3, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]


def test_a_damaged_memory_never_makes_times_go_back(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    for damaged in ("", "{", "[]", '{"day": 3}', '{"day": "soon"}'):
        memory.write_text(damaged)
        assert _next_day(memory) > datetime.now(UTC).date()


def test_every_accident_has_one_gateway_of_its_own_in_the_demo_site() -> None:
    tags = read(DEMO)
    gateways = [_gateway_of(load(name), tags) for name in names()]
    assert len(set(gateways)) == len(gateways)
    for gateway, name in zip(gateways, names(), strict=True):
        place = (load(name).enterprise, load(name).source)
        assert all((tag.enterprise, tag.source) == place for tag in tags if (tag.enterprise, tag.gateway) == gateway)
