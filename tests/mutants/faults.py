# ruff: noqa: E501  a table reads best with a fault a line
"""The list: what is changed where, and what it would do on a plant."""

from __future__ import annotations

from dataclasses import dataclass

ENGINE = "alerting/engine/"


@dataclass(frozen=True, slots=True)
class Fault:
    """`old` stands exactly once in the file; `why` is what would happen."""

    name: str
    file: str
    old: str
    new: str
    why: str


def _rules(name: str, old: str, new: str, why: str) -> Fault:
    return Fault(name, f"{ENGINE}rules.py", old, new, why)


RULES = (
    _rules("limit-reached", "c = v >= a.limit or", "c = v > a.limit or", "exactly at the limit nothing rings"),
    _rules("low-limit-reached", "c = v <= a.limit or", "c = v < a.limit or", "exactly at the low limit nothing rings"),
    _rules("clear-level", "(a.c and not v < a.clear)", "(a.c and v > a.clear)", "returns at the edge of the deadband"),
    _rules("low-clear-level", "(a.c and not v > a.clear)", "(a.c and v < a.clear)", "the same on the low side"),
    _rules("stale-after-returns", "if best >= stale_before:", "if False:", "a point goes stale between two samples"),
    _rules("raised-while-lost-returns", "if a.c or p.lost:\n        a.due = NEVER", "if a.c:\n        a.due = NEVER", "H raised by HH over a dead gauge clears itself"),
    _rules("raise-before-return", "RETURN, RAISE, REALARM, EXPIRY = range(5)", "RAISE, RETURN, REALARM, EXPIRY = range(5)",
           "raises before returns in one instant"),
    _rules("inner-return-alone", "return NEVER if a.outer.active else max(a.due, a.outer.change_t)", "return a.due",
           "H returns while HH is active"),
    _rules("inner-return-early", "else max(a.due, a.outer.change_t)", "else a.due", "H returns before HH"),
    _rules("off-delay-not-restarted", "if fresh and a.active and not c:", "if False:", "the off-delay runs on through a loss"),
    _rules("lost-keeps-off-delay", "            a.due = NEVER\n        if a.settings.on_bad", "            pass\n        if a.settings.on_bad",
           "an off-delay from before a loss is not forgotten"),
    _rules("on-bad-ignored", 'if a.settings.on_bad == "alarm":', "if False:", "a lost signal that should ring is silent"),
    _rules("rule-raises-unknown", "elif p.place.rule and not a.active:", "elif False:", "an unknown rule raises"),
    _rules("same-time-dropped", "return t == p.last_t and quality == p.quality and (", "return t == p.last_t or (",
           "another value at one time is taken for a repeat"),
    _rules("status-in-the-past", "        p.status_t = max(t, p.status_t)\n        voice.point(p, Ev.GOOD",
           "        p.status_t = t\n        voice.point(p, Ev.GOOD", "a status changes before it was lost"),
    _rules("alarm-in-the-past", "evaluate(a, v, max(t, a.change_t), fresh=was_lost, late=late)",
           "evaluate(a, v, t, fresh=was_lost, late=late)", "an alarm changes in its own past"),
    _rules("no-cascade", "if inner is not None and not inner.active:\n        raise_alarm", "if False:\n        raise_alarm",
           "HH without H"),
    _rules("subsumed-is-heard", "ann = visible and not subsumed and not a.late", "ann = visible and not a.late",
           "two sounds for one excursion"),
    _rules("overlay-is-heard", "ann = visible and not subsumed and not a.late", "ann = not subsumed and not a.late",
           "a shelved alarm rings"),
    _rules("late-is-heard", "ann = visible and not subsumed and not a.late", "ann = visible and not subsumed",
           "a backlog pages at night"),
    _rules("occurrence-not-counted", "a.occ += 1", "a.occ += 0", "an acknowledgement cannot name what it saw"),
    _rules("latch-not-set", "a.latched = a.latched or a.settings.latch", "a.latched = a.latched", "a gas alarm clears itself"),
    _rules("return-needs-ack", "if not a.settings.ack_rtn and not a.latched:", "if not a.settings.ack_rtn:",
           "a latched return is taken for seen"),
    _rules("one-shot-forgotten", "if a.shelved and a.oneshot:", "if False:", "a one-shot shelve outlives its alarm"),
    _rules("expiry-silent", "ann = a.visible and (a.active or a.latched)", "ann = a.visible and a.active",
           "a latch comes back from a shelve in silence"),
    _rules("realarm-not-renewed", "standing.realarm_due = NEVER if a.settings.realarm_ms is None else t + a.settings.realarm_ms",
           "standing.realarm_due = NEVER", "an alarm that nobody answers never rings again"),
    _rules("confirm-forgotten", "if a.standing is not None and a.standing.confirm_at <= clock:", "if False:",
           "a late alarm that stands is never heard"),
    _rules("timer-at-sample", "fire(p, max(t, p.fired_t) + 1, voice, stale_before=t + 1)",
           "fire(p, max(t, p.fired_t), voice, stale_before=t + 1)", "what is due with the sample waits for the next"),
    _rules("future-applied", "if limit is not None and t > at + limit:", "if limit is not None and t > at + 2 * limit:",
           "an impossible time moves an alarm"),
    _rules("reorder-unsorted", "sorted(ready, key=lambda entry: entry[0])", "list(ready)", "samples out of order"),
)  # fmt: skip

COMMANDS = (
    Fault("old-occurrence-acked", f"{ENGINE}commands.py", "order.cmd.occ != a.occ:", "order.cmd.occ > a.occ:",
          "an acknowledgement from a stale screen silences a new alarm"),
    Fault("nothing-to-ack-accepted", f"{ENGINE}commands.py", "    if not a.unacked:\n", "    if False:\n", "an ack of nothing is accepted"),
    Fault("ack-leaves-inner", f"{ENGINE}commands.py", "if inner is not None and inner.unacked:", "if False:", "HH seen, H still flashes"),
    Fault("reset-while-active", f"{ENGINE}commands.py", "if not a.latched or a.active or a.unacked", "if not a.latched or a.unacked",
          "a latch is cleared while gas is there"),
    Fault("shelve-for-ever", f"{ENGINE}commands.py", "if not 0 < wanted <= a.settings.max_shelve_ms:", "if not 0 < wanted:",
          "an alarm is shelved for a year"),
    Fault("shelve-without-reason", f"{ENGINE}commands.py", 'if not (cmd.reason or "").strip():', "if False:", "nobody knows why it is silent"),
    Fault("shelve-is-not-seen", f"{ENGINE}commands.py", "    a.unacked = False  # shelving counts as seen\n", "", "a shelved alarm still owes an ack"),
    Fault("oos-without-permit", f"{ENGINE}commands.py", 'if not (cmd.permit or "").strip():', "if False:", "maintenance without a permit"),
    Fault("set-not-evaluated", f"{ENGINE}commands.py", "moved |= evaluate(a, p.value", "moved |= False and evaluate(a, p.value",
          "a lowered limit waits for the next sample"),
    Fault("command-before-timers", f"{ENGINE}commands.py", "    fire(p, now - p.lag + 1, voice)\n    voice.command = cmd", "    voice.command = cmd",
          "an ack comes before the raise that it saw"),
)  # fmt: skip

BULK = (
    Fault("sweep-late", f"{ENGINE}sweep.py", "quiet = t > state.last_t.take(slots)", "quiet = t >= state.last_t.take(slots)", "a late sample is swept"),
    Fault("sweep-timer", f"{ENGINE}sweep.py", "quiet &= t < state.fence.take(slots)", "quiet &= t <= state.fence.take(slots) + 1", "a timer is swept over"),
    Fault("sweep-bad", f"{ENGINE}sweep.py", "    quiet &= samples.quality != BAD\n", "", "a bad sample counts as good"),
    Fault("sweep-skew", f"{ENGINE}sweep.py", "state.skew[slots] = samples.at - t", "pass", "the point's own clock stands still"),
    Fault("surge-limit", f"{ENGINE}surge.py", "(value >= limit[:, HIGH])", "(value > limit[:, HIGH])", "in a flood the limit itself does not ring"),
    Fault("surge-cascade", f"{ENGINE}surge.py", "raised[:, INNER] |= raised[:, OUTER] & ~active[:, INNER] & exists[:, INNER]", "pass",
          "in a flood HH without H"),
    Fault("surge-overlay", f"{ENGINE}surge.py", "APART = SHELVED | SUPPRESSED | OOS | LATE", "APART = SUPPRESSED | OOS | LATE", "in a flood a shelved alarm rings"),
    Fault("surge-latch", f"{ENGINE}surge.py", "latched = _has(alarms, LATCHED) | (raised & table[\"latch\"][profile])", "latched = _has(alarms, LATCHED)",
          "in a flood nothing latches"),
    Fault("surge-realarm", f"{ENGINE}surge.py", "timer = np.minimum(_delays(change), _realarms(state, samples, change))", "timer = _delays(change)",
          "after a flood nothing re-alarms"),
    Fault("repeat-applied", f"{ENGINE}dedupe.py", "if value and not self._remember(value)", "if False and not self._remember(value)",
          "a message delivered twice counts twice"),
)  # fmt: skip

DETECTORS = (
    Fault("rate-window", f"{ENGINE}detectors/rate.py", "while self._t[self._start] <= t - self._window:", "while self._t[self._start] < t - self._window:",
          "a sample too many in the window"),
    Fault("rate-samples", f"{ENGINE}detectors/rate.py", "if len(t) < self._least or", "if len(t) <= self._least or", "a slope one sample late"),
    Fault("rate-deadband", f"{ENGINE}detectors/rate.py", "slope >= self._rise - (self._deadband if s.rising else 0.0)", "slope >= self._rise", "a slope chatters"),
    Fault("dev-limit", f"{ENGINE}detectors/instant.py", "s.condition = measured >= (figure.clear", "s.condition = measured > (figure.clear",
          "two instruments differ by the limit unnoticed"),
    Fault("instant-between", f"{ENGINE}detectors/instant.py", "if place + 1 == len(ready) or ready[place + 1].t > entry.t:", "if True:",
          "judged between two samples of one instant"),
    Fault("unknown-clears", f"{ENGINE}detectors/instant.py", "if BAD in s.qualities and not figure.counts_losses:", "if False:", "a dead instrument clears a deviation"),
    Fault("balance-sign", f"{ENGINE}detectors/balance.py", 'role.startswith("in") else -1.0', 'role.startswith("in") else 1.0', "what flows out counts as in"),
    Fault("balance-window", f"{ENGINE}detectors/balance.py", "self._window[1][0] <= t - self._span:", "self._window[1][0] < t - self._span:", "a window too long"),
    Fault("flat-noise", f"{ENGINE}detectors/flat.py", "self._high[0][1] - self._low[0][1] >= self.noise", "self._high[0][1] - self._low[0][1] > self.noise",
          "a level that moves is called still"),
    Fault("merge-order", f"{ENGINE}detectors/inputs.py", "        ready.sort(key=_turn)\n", "", "samples of several tags out of order"),
    Fault("merge-lost-holds", f"{ENGINE}detectors/inputs.py", "zip(newest, self.lost, strict=True) if not lost]", "zip(newest, self.lost, strict=True)]",
          "a dead input stops the rule"),
)  # fmt: skip

PAST = (
    Fault("past-told-twice", f"{ENGINE}past.py", "or key in s.told or", "or", "a backlog sent twice is listed twice"),
    Fault("past-live-again", f"{ENGINE}past.py", "raised.t <= span.end", "raised.t <= span.begin", "what the live alarm had is listed again"),
    Fault("past-unsorted", f"{ENGINE}past.py", "np.argsort(self.t, kind=\"stable\")", "np.arange(len(self.t))", "a backlog is judged as it came"),
    Fault("past-owes-nothing", f"{ENGINE}past.py", "            s.owed[key] = ended\n", "            pass\n", "nobody has to look at what was missed"),
    Fault("late-by-the-clock", f"{ENGINE}arrivals.py", "time += min(max(arrival - before, 0), SILENCE_MS)", "time += max(arrival - before, 0)",
          "after an outage a backlog is called live, and pages"),
    Fault("late-window", f"{ENGINE}arrivals.py", "while recent[0][0] < time - WINDOW_MS:", "while False:", "a feed that is always late never rings at once"),
)  # fmt: skip

_LOAD = "            getattr(state, name)[: rest.count] = columns[name]"
_ALARMS = '        state.alarms[: rest.count] = columns["alarms"]'
_SPARSE = "            setattr(state, name, getattr(rest, name))"
COLUMNS = (
    "ids", "place", "names", "digests", "stale_ms", "lag", "last_t", "value", "quality", "stale", "skew", "status_t",
    "fired_t", "gateway", "watched", "timer_due", "fence", "quiet_lo", "quiet_hi",
)  # fmt: skip
SNAPSHOT = (
    *(Fault(f"snapshot-{name}", f"{ENGINE}engine.py", _LOAD,
            f'            if name != "{name}":\n                getattr(state, name)[: rest.count] = columns[name]',
            f"a restart forgets {name}") for name in COLUMNS),
    *(Fault(f"snapshot-alarm-{name}", f"{ENGINE}engine.py", _ALARMS,
            f'        state.alarms[: rest.count] = columns["alarms"]\n        state.alarms["{name}"][: rest.count] = {empty}',
            f"a restart forgets {name} of every alarm")
      for name, empty in (("limit", "0.0"), ("profile", "0"), ("flags", "0"), ("nth", "0"), ("occ", "0"), ("since", "0"),
                          ("due", "2**62"), ("change_t", "-(2**62)"), ("raised_t", "-(2**62)"))),
    *(Fault(f"snapshot-{name}", f"{ENGINE}engine.py", _SPARSE,
            f'            if name != "{name}":\n                setattr(state, name, getattr(rest, name))',
            f"a restart forgets {name}") for name in ("standing", "waiting", "confirms", "readings")),
    Fault("snapshot-clock", f"{ENGINE}engine.py", "self.counters, self._clock = rest.counters, rest.clock", "self.counters = rest.counters",
          "a restart sets the engine's clock back"),
    Fault("snapshot-hashes", f"{ENGINE}engine.py", 'self._hashes = Hashes(columns["hashes"].astype(np.uint64))', "self._hashes = Hashes()",
          "after a restart a repeated message counts twice"),
    Fault("snapshot-delays", f"{ENGINE}engine.py", "{row: deque(recent) for row, recent in rest.delays.items()}", "{}", "a restart forgets what is usual"),
    Fault("snapshot-spoken", f"{ENGINE}engine.py", "        self._gateways.spoken = rest.spoken\n", "", "a restart forgets since when messages came"),
    Fault("snapshot-detectors", f"{ENGINE}engine.py", "self._watch.restore(rest.rules, rest.detectors)", "self._watch.restore(rest.rules, {})",
          "a restart empties every window"),
    Fault("snapshot-past", f"{ENGINE}engine.py", "        self._past = Past(Engine, rest.past)\n        self._past.restore(columns, Engine.restore)\n",
          "        self._past = Past(Engine)\n", "a restart loses a backlog half judged"),
)  # fmt: skip

FAULTS = (*RULES, *COMMANDS, *BULK, *DETECTORS, *PAST, *SNAPSHOT)
