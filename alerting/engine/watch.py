"""Rules of the plan to detectors on their inputs, and what those find to samples of the rules' own points."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerting.engine.arrivals import Gateways
from alerting.engine.detectors import Detector, DetectorState, detector
from alerting.engine.detectors.inputs import Verdict
from alerting.engine.points import BAD, Reading
from alerting.engine.rules import arrive
from alerting.engine.state import BLOCK, State
from alerting.engine.voice import Tap, Voice
from registry.alarms import RuleSettings


class Watch:
    """Which detector watches which points. A rule has a point of its own, fed with its condition as 1, 0 or bad."""

    def __init__(self, state: State, gateways: Gateways) -> None:
        self._state = state
        self._gateways = gateways
        self.rules: dict[int, RuleSettings] = {}  # by the slot of the rule's point
        self._detectors: dict[int, Detector] = {}  # likewise
        self._units: dict[int, str] = {}  # likewise: of what the rule's events show
        self._watchers: dict[int, list[tuple[int, int]]] = {}  # slot of an input: slot of a rule, which input it is

    def connect(self, rules: Iterable[RuleSettings]) -> None:
        """Takes over a plan's rules: detectors of new and changed ones begin anew, the others go on."""
        before, self.rules = self.rules, {}
        for settings in rules:
            (slot,) = self._state.slots([settings.id])
            self.rules[slot] = settings
            if slot not in self._detectors or not _same(before[slot], settings):
                self._start(slot, settings, None)
        for slot in before.keys() - self.rules.keys():
            self._detectors.pop(slot, None)
        self._link()

    def restore(self, rules: dict[int, RuleSettings], detectors: dict[int, DetectorState]) -> None:
        """Goes on where a snapshot was taken."""
        self.rules = rules
        for slot, settings in rules.items():
            self._start(slot, settings, detectors.get(slot))
        self._link()

    def keep(self) -> dict[int, DetectorState]:
        """What a snapshot holds of the detectors."""
        return {slot: found.keep() for slot, found in self._detectors.items()}

    @property
    def idle(self) -> int:
        """Rules that nothing evaluates: no detector of their type here, or an input that the plan lacks."""
        return len(self.rules) - len({slot for watchers in self._watchers.values() for slot, _ in watchers})

    def tied(self, slots: Iterable[int]) -> list[int]:
        """Those of these points that are rules or that a rule watches."""
        return [slot for slot in slots if slot in self.rules or slot in self._watchers] if self.rules else []

    def detect(self, voice: Voice) -> list[int]:
        """The detectors learn what became of their inputs, in the order in which it came to be; the rules' slots."""
        taps, voice.taps = voice.taps, []
        for tap in sorted(taps, key=lambda tap: tap.at):
            self.tapped(tap, voice)
        return [slot for tap in taps for slot, _ in self._watchers.get(tap.slot, ())]

    def tapped(self, tap: Tap, voice: Voice) -> None:
        """One of them learns one thing."""
        for slot, which in self._watchers.get(tap.slot, ()):
            found = self._detectors[slot]
            verdicts = found.feed(which, tap.t, tap.value, tap.quality)
            while verdicts and self._is_quiet(slot, tap, verdicts[0]):
                self._move(slot, tap, verdicts.pop(0))
            if verdicts:
                self._apply(slot, tap, verdicts, voice)

    def _apply(self, slot: int, tap: Tap, verdicts: list[Verdict], voice: Voice) -> None:
        """The rule's point takes them as its samples."""
        (point,) = self._state.load([slot])
        self._gateways.belong(point, int(self._state.gateway[tap.slot]))
        clock, voice.clock = voice.clock, tap.at
        for verdict in verdicts:
            point.coming = self._reading(slot, verdict)
            arrive(point, verdict.t, verdict.value, verdict.quality, tap.late, voice)
        voice.clock = clock
        if point.reading is not None:
            self._state.readings[slot] = point.reading
        self._state.store([point])

    def _is_quiet(self, slot: int, tap: Tap, verdict: Verdict) -> bool:
        """Whether it can change nothing (as `sweep` has it)."""
        state = self._state
        return bool(
            state.last_t[slot] < verdict.t < state.fence[slot]
            and state.quiet_lo[slot] <= verdict.value <= state.quiet_hi[slot]
            and verdict.quality != BAD
            and state.gateway[slot] == state.gateway[tap.slot]
        )

    def _move(self, slot: int, tap: Tap, verdict: Verdict) -> None:
        state, t = self._state, verdict.t
        state.last_t[slot], state.value[slot], state.quality[slot] = t, verdict.value, verdict.quality
        state.skew[slot] = tap.at - t
        state.fence[slot] = state.timer_due[slot]  # a rule does not go stale
        state.dirty[slot // BLOCK] = True
        if (reading := self._reading(slot, verdict)) is not None:
            state.readings[slot] = reading

    def _reading(self, slot: int, verdict: Verdict) -> Reading | None:
        if verdict.shown is None:
            return None
        return Reading(verdict.shown, self._units[slot], self._detectors[slot].limit)

    def _start(self, slot: int, settings: RuleSettings, state: DetectorState | None) -> None:
        self._detectors.pop(slot, None)
        found = detector(settings, state)
        if found is not None:
            self._detectors[slot] = found

    def _link(self) -> None:
        state = self._state
        self._watchers, self._units = {}, {}
        state.watched[:] = False
        for slot, found in self._detectors.items():
            inputs = state.slots(found.inputs)
            if len(inputs) < len(found.inputs):
                continue
            units = [state.places[state.place[row]].unit for row in inputs]
            self._units[slot] = found.unit(units)
            for which, watched in enumerate(inputs):
                self._watchers.setdefault(watched, []).append((slot, which))
            state.lag[slot] = max(int(state.lag[row]) for row in inputs)
        inputs_rows = np.array(list(self._watchers), np.intp)
        state.watched[inputs_rows] = True


def _same(old: RuleSettings, new: RuleSettings) -> bool:
    return (old.id, old.type, old.inputs, old.params) == (new.id, new.type, new.inputs, new.params)
