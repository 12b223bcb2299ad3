"""R8: settings of limits that must not come into force."""

from __future__ import annotations

from math import inf, nan

import pytest

from registry.alarms import AlarmSettings, PointSettings, refusal


def point(**alarms: tuple[float, float]) -> PointSettings:
    return PointSettings(1, "E", "S", "S.LT", alarms={level: AlarmSettings(*pair) for level, pair in alarms.items()})


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"H": (80, 2)}, id="one level"),
        pytest.param({"HH": (90, 12), "H": (80, 2)}, id="HH clears where H clears"),
        pytest.param({"LL": (-20, 12), "L": (-10, 2)}, id="limits may be negative"),
        pytest.param({"H": (10, 4), "L": (1, 4)}, id="room between the clear levels"),
        pytest.param({}, id="no alarm"),
    ],
)
def test_sound_settings_pass(settings: dict[str, tuple[float, float]]) -> None:
    assert refusal(point(**settings)) is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"HH": (80, 0), "H": (80, 0)}, "HH 80 must be above H 80"),
        ({"HH": (90, 15), "H": (80, 2)}, "HH would clear at 75, below H at 78"),
        ({"LL": (2, 0), "L": (1, 0)}, "LL 2 must be below L 1"),
        ({"LL": (1, 5), "L": (2, 1)}, "LL would clear at 6, above L at 3"),
        ({"H": (10, 5), "L": (1, 4)}, "L clears only above 5 and H only below 5"),
        ({"HH": (10, 5), "LL": (6, 0)}, "LL clears only above 6 and HH only below 5"),
        ({"H": (nan, 0)}, "H: the limit must be a finite number"),
        ({"H": (inf, 0)}, "H: the limit must be a finite number"),
        ({"H": (1, -1)}, "H: the deadband must be a finite number of at least 0"),
        ({"H": (1, nan)}, "H: the deadband must be a finite number of at least 0"),
        ({"HI": (1, 0)}, "HI is no level of a limit"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_contradictions_are_refused(settings: dict[str, tuple[float, float]], why: str) -> None:
    said = refusal(point(**settings))
    assert said is not None
    assert said.startswith(why)


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        (AlarmSettings(1, on_delay_ms=-1), "on_delay_ms"),
        (AlarmSettings(1, off_delay_ms=-1), "off_delay_ms"),
        (AlarmSettings(1, max_shelve_ms=-1), "max_shelve_ms"),
        (AlarmSettings(1, realarm_ms=-1), "realarm_ms"),
        (AlarmSettings(1, realarm_ms=0), "realarm_ms"),
        (AlarmSettings(1, on_bad="ring"), "on_bad"),
        (AlarmSettings(1, priority=5), "priority"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_impossible_values_of_one_alarm_are_refused(alarm: AlarmSettings, why: str) -> None:
    assert why in (refusal(PointSettings(1, "E", "S", "T", alarms={"H": alarm})) or "")


def test_negative_times_of_a_point_are_refused() -> None:
    assert refusal(PointSettings(1, "E", "S", "T", stale_ms=-1)) == "stale_ms must be at least 0"
    assert refusal(PointSettings(1, "E", "S", "T", max_future_ms=-1)) == "max_future_ms must be at least 0"
