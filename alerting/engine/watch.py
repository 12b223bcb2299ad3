"""Rules of the plan to detectors on their inputs, and what those find to samples of the rules' own points."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerting.engine.arrivals import Gateways
from alerting.engine.detectors import LEVEL, Flat, FlatState, detector
from alerting.engine.rules import arrive
from alerting.engine.state import State
from alerting.engine.voice import Tap, Voice
from registry.alarms import RuleSettings


class Watch:
    """Which detector watches which points. A rule has a point of its own, fed with its condition as 1, 0 or bad."""

    def __init__(self, state: State, gateways: Gateways) -> None:
        self._state = state
        self._gateways = gateways
        self.rules: dict[int, RuleSettings] = {}  # by the slot of the rule's point
        self._detectors: dict[int, Flat] = {}  # likewise
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

    def restore(self, rules: dict[int, RuleSettings], detectors: dict[int, FlatState]) -> None:
        """Goes on where a snapshot was taken."""
        self.rules = rules
        for slot, settings in rules.items():
            self._start(slot, settings, detectors.get(slot))
        self._link()

    def keep(self) -> dict[int, FlatState]:
        """What a snapshot holds of the detectors."""
        return {slot: flat.keep() for slot, flat in self._detectors.items()}

    @property
    def idle(self) -> int:
        """Rules that nothing evaluates: no detector of their type here, or an input that the plan lacks."""
        return len(self.rules) - len({slot for watchers in self._watchers.values() for slot, _ in watchers})

    def detect(self, voice: Voice) -> None:
        """The detectors learn what became of their inputs, in the order in which it came to be."""
        taps, voice.taps = voice.taps, []
        for tap in sorted(taps, key=lambda tap: tap.at):
            self.tapped(tap, voice)

    def tapped(self, tap: Tap, voice: Voice) -> None:
        """One of them learns one thing."""
        for slot, which in self._watchers.get(tap.slot, ()):
            flat = self._detectors[slot]
            verdicts = flat.feed(which, tap.t, tap.value, tap.quality)
            if not verdicts:
                continue
            if flat.level is not None:
                self._state.readings[slot] = (flat.level, self._unit(flat))
            (point,) = self._state.load([slot])
            self._gateways.belong(point, int(self._state.gateway[tap.slot]))
            clock, voice.clock = voice.clock, tap.at
            for t, value, quality in verdicts:
                arrive(point, t, value, quality, tap.late, voice)
            voice.clock = clock
            self._state.store([point])

    def _unit(self, flat: Flat) -> str:
        (level,) = self._state.slots([flat.inputs[LEVEL]])
        place: int = self._state.place[level].item()
        return self._state.places[place].unit

    def _start(self, slot: int, settings: RuleSettings, state: FlatState | None) -> None:
        self._detectors.pop(slot, None)
        flat = detector(settings, state)
        if flat is not None:
            self._detectors[slot] = flat

    def _link(self) -> None:
        state = self._state
        self._watchers = {}
        state.watched[:] = False
        for slot, flat in self._detectors.items():
            inputs = state.slots(flat.inputs)
            if len(inputs) < len(flat.inputs):
                continue
            for which, watched in enumerate(inputs):
                self._watchers.setdefault(watched, []).append((slot, which))
            state.lag[slot] = max(int(state.lag[row]) for row in inputs)
        inputs_rows = np.array(list(self._watchers), np.intp)
        state.watched[inputs_rows] = True
        state.quiet_lo[inputs_rows], state.quiet_hi[inputs_rows] = np.inf, -np.inf


def _same(old: RuleSettings, new: RuleSettings) -> bool:
    return (old.id, old.type, old.inputs, old.params) == (new.id, new.type, new.inputs, new.params)
