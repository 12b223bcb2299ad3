"""A case to the words of a notice: where, what, how much against which limit, since when, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from alerting.notifier.escalation import Case
from registry.platform import with_platform
from registry.presets import in_force
from registry.site import Site

TITLE_CHARACTERS = 70  # what a locked telephone shows, and what one text message holds in Chinese
EXERCISE = "演练 EXERCISE "
SHOWN_OF_SUMMARY = 3
LOW = {"L", "LL"}
ALARMS = {
    "HH": ("高高报", "high-high"),
    "H": ("高报", "high"),
    "L": ("低报", "low"),
    "LL": ("低低报", "low-low"),
    "FLAT": ("进料而液位不变", "level stands still while filling"),
    "RATE": ("变化过快", "changes too fast"),
    "DEV": ("偏差", "deviation"),
    "BALANCE": ("物料不平衡", "balance does not close"),
    "DISC": ("仪表不一致", "instruments disagree"),
    "VOTE": ("多表表决", "vote of several instruments"),
}
ADVICE = {
    1: ("立即按预案处置，并确认", "Act at once by the plan, and accept"),
    2: ("尽快处置，并确认", "Act soon, and accept"),
    3: ("请核实，并确认", "Check, and accept"),
    4: ("请知悉", "For your information"),
}


class Words(NamedTuple):
    """`title` is at most TITLE_CHARACTERS; `body` lines of Chinese, of English, and the link."""

    title: str
    body: str


class Names:
    """What things are called, of one version of the site."""

    def __init__(self, site: Site) -> None:
        self._site = with_platform(site)

    def enterprise(self, code: str) -> str:
        found = self._site.enterprises.get(code)
        return found.name if found else code

    def source(self, enterprise: str, code: str) -> str:
        found = self._site.sources.get(f"{enterprise}/{code}")
        return found.name if found else code

    def description(self, enterprise: str, tag: str) -> str:
        found = self._site.tags.get(f"{enterprise}/{tag}")
        return in_force(self._site, found).description if found else ""


def raised(case: Case, names: Names, *, link: str, zone: tzinfo) -> Words:
    """An alarm to be answered; one that has returned meanwhile says so."""
    advice_zh, advice_en = ADVICE[case.priority]
    ended_zh, ended_en = ("，已恢复", ", has returned to normal") if case.has_ended else ("", "")
    what_zh, what_en = _what(case)
    place = _place(case, names)
    measured = _measured(case)
    time = _time(case.raised_at, zone)
    late_zh, late_en = ("（延迟通知）", " (told late)") if case.late else ("", "")
    return Words(
        _title(case, names, ended="已恢复 " if case.has_ended else ""),
        f"{place} {what_zh} {measured}{ended_zh}，{time}{late_zh}。{advice_zh}。\n"
        f"{what_en.capitalize()} {measured}{ended_en}, {time}{late_en}. {advice_en}.\n"
        f"确认 Accept: {link}",
    )


def returned(case: Case, names: Names, *, zone: tzinfo) -> Words:
    """An alarm that the reader was told of has returned to normal."""
    what_zh, what_en = _what(case)
    time = _time(case.returned_at if case.returned_at is not None else case.raised_at, zone)
    owed_zh, owed_en = ("，尚无人确认", ", nobody has accepted it yet") if case.is_owed else ("", "")
    return Words(
        _title(case, names, ended="恢复 RTN "),
        f"{_place(case, names)} {what_zh}已恢复，{time}{owed_zh}。\n"
        f"{what_en.capitalize()} has returned to normal, {time}{owed_en}.",
    )


def summary(cases: Sequence[Case], names: Names, *, links: Sequence[str], screen: str, zone: tzinfo) -> Words:
    """Several alarms in one; the first ones, which are the most urgent, are named, as many as there are links."""
    priorities = Counter(case.priority for case in cases)
    counted = ", ".join(f"P{priority}: {count}" for priority, count in sorted(priorities.items()))
    exercise = EXERCISE if all(case.exercise for case in cases) else ""
    title = f"{exercise}{len(cases)} 条报警 {len(cases)} alarms ({counted})"
    lines = []
    for case, link in zip(cases, links, strict=False):
        mark = EXERCISE if case.exercise else ""
        ended = "，已恢复 returned" if case.has_ended else ""
        lines.append(f"{mark}P{case.priority} {_place(case, names)} {_what(case)[0]} {_measured(case)}{ended} {link}")
    more = len(cases) - len(lines)
    if more:
        lines.append(f"另有 {more} 条 and {more} more: {screen}")
    return Words(_cut(title, TITLE_CHARACTERS), "\n".join(lines))


def _title(case: Case, names: Names, *, ended: str) -> str:
    """What must be readable without opening it: the end of the source's name gives way first."""
    head = f"{EXERCISE if case.exercise else ''}{ended}P{case.priority} {case.alarm} "
    tail = f" {case.tag} {_measured(case)}"
    room = TITLE_CHARACTERS - len(head) - len(tail)
    return _cut(f"{head}{_cut(names.source(case.enterprise, case.source), max(room, 4))}{tail}", TITLE_CHARACTERS)


def _place(case: Case, names: Names) -> str:
    description = names.description(case.enterprise, case.tag)
    words = (names.enterprise(case.enterprise), names.source(case.enterprise, case.source), case.tag, description)
    return " ".join(word for word in words if word)


def _what(case: Case) -> tuple[str, str]:
    zh, en = ALARMS.get(case.alarm, (case.alarm, case.alarm))
    mark_zh, mark_en = ("【演练】", "exercise: ") if case.exercise else ("", "")
    return f"{mark_zh}{zh}", f"{mark_en}{en}"


def _measured(case: Case) -> str:
    """Value against limit; a rule has only what it was about."""
    unit = f" {case.unit}" if case.unit else ""
    if case.value is None:
        return "值不可用 no value"
    if case.alarm not in ("HH", "H", "L", "LL") or case.limit is None:
        return f"{case.value:g}{unit}"
    sign = "≤" if case.alarm in LOW else "≥"
    return f"{case.value:g} {sign} {case.limit:g}{unit}"


def _time(t_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%m-%d %H:%M:%S")


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
