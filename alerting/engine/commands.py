"""What a person asks of one alarm to its answer: acknowledge, reset, overlays, settings (R9, R10, R12, R13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from alerting.engine.points import BEFORE, NEVER, RULE_LIMIT, Alarm, Point, profile_of, rule_profile, settings_of
from alerting.engine.rules import advance, confirm_before, evaluate, fire, quiet, raise_alarm, tick, uncover
from alerting.engine.voice import Voice
from alerting.events import Ev
from line.messages import Command
from registry.alarms import AlarmSettings, PointSettings, refusal


class Order(NamedTuple):
    """One command on its alarm; `now` is the point's own, `t` the time at which it acts: never in the alarm's past."""

    p: Point
    a: Alarm
    cmd: Command
    now: int
    t: int
    voice: Voice

    def refuse(self, reason: str) -> None:
        self.voice.reject(self.p, self.a, self.t, reason)

    def idle(self, reason: str) -> None:
        """It changes nothing: who waits for an answer is told; logic that repeats itself is not."""
        if self.cmd.id:
            self.refuse(reason)

    def say(self, ev: Ev, *, until: int | None = None, permit: str | None = None) -> None:
        self.voice.alarm(self.p, self.a, ev, self.t, until=until, permit=permit, reason=self.cmd.reason or None)


def act(p: Point, a: Alarm, cmd: Command, now: int, voice: Voice) -> None:
    """A command acts at the point's now, after the timers due by then less the lag (R3)."""
    voice.command = None  # what the timers do is nobody's command
    if p.gateway < 0:
        tick(p, voice.clock, voice)
        confirm_before(p, voice.clock + 1, voice)
    advance(p, now, voice)
    fire(p, now - p.lag + 1, voice)
    voice.command = cmd
    order = Order(p, a, cmd, now, max(now, a.change_t), voice)
    do = COMMANDS.get(cmd.cmd)
    if do is None:
        order.refuse("unknown_command")
    else:
        do(order)


def _ack(order: Order) -> None:
    a = order.a
    if order.cmd.occ is not None and order.cmd.occ != a.occ:
        order.refuse("stale_occurrence")
        return
    if not a.unacked:
        order.refuse("nothing_to_ack")
        return
    a.unacked = False
    _unconfirm(a)
    order.say(Ev.ACK)
    inner = order.p.inner(a)
    if inner is not None and inner.unacked:
        inner.unacked = False
        _unconfirm(inner)
        order.voice.alarm(order.p, inner, Ev.ACK, max(order.now, inner.change_t), cascade=True)


def _unconfirm(a: Alarm) -> None:
    """A late raise that somebody has seen needs no annunciation any more (R15)."""
    if a.standing is not None:
        a.standing.confirm_at = NEVER


def _reset(order: Order) -> None:
    a = order.a
    if not a.latched or a.active or a.unacked or not a.visible:
        order.refuse("not_resettable")
        return
    a.latched = False
    order.say(Ev.RESET)


def _shelve(order: Order) -> None:
    a, cmd = order.a, order.cmd
    if not a.settings.shelvable:
        order.refuse("not_shelvable")
        return
    if not (cmd.reason or "").strip():
        order.refuse("reason_required")
        return
    # `until` is on the engine's clock; the alarm's own time may run behind it or in another year (R15)
    wanted = 0 if cmd.until is None else cmd.until - order.voice.clock
    if not 0 < wanted <= a.settings.max_shelve_ms:
        order.refuse("duration")
        return
    a.shelved, a.oneshot = True, cmd.oneshot
    a.unacked = False  # shelving counts as seen
    quiet(a)
    order.say(Ev.SHELVED, until=cmd.until)
    if a.standing is not None:
        a.standing.until = order.t + wanted


def _unshelve(order: Order) -> None:
    if not order.a.shelved:
        order.refuse("not_shelved")
        return
    order.a.shelved = order.a.oneshot = False
    uncover(order.p, order.a, order.t, Ev.UNSHELVED, order.voice, why="command")


def _suppress(order: Order) -> None:
    a = order.a
    if order.cmd.on is True:
        if a.suppressed:
            order.idle("already_suppressed")
            return
        a.suppressed = True
        quiet(a)
        order.say(Ev.SUPPRESSED)
    elif not a.suppressed:
        order.idle("not_suppressed")
    else:  # false, and unknown too: a dead mode signal must not hide alarms
        a.suppressed = False
        uncover(order.p, a, order.t, Ev.UNSUPPRESSED, order.voice)


def _out_of_service(order: Order) -> None:
    a, cmd = order.a, order.cmd
    if cmd.on is True:
        if not (cmd.permit or "").strip():
            order.refuse("permit_required")
            return
        a.oos = True
        quiet(a)
        order.say(Ev.OOS, permit=cmd.permit)
    elif not a.oos:
        order.idle("not_out_of_service")
    else:
        a.oos = False
        uncover(order.p, a, order.t, Ev.IN_SERVICE, order.voice)


def _comment(order: Order) -> None:
    order.say(Ev.COMMENT)


def _set(order: Order) -> None:
    p, a = order.p, order.a
    wanted = merged(a, order.cmd.values)
    if wanted is None or p.place.rule:
        order.refuse("invalid_config")
        return
    levels = {b.name: wanted if b is a else settings_of(b) for b in p.alarms}
    if refusal(PointSettings(p.slot, p.place.enterprise, p.place.source, p.tag, alarms=levels)) is not None:
        order.refuse("invalid_config")
        return
    reconfigure(p, {a.level: wanted}, order.now, order.voice)


COMMANDS: Mapping[str, Callable[[Order], None]] = {
    "ACK": _ack,
    "RESET": _reset,
    "SHELVE": _shelve,
    "UNSHELVE": _unshelve,
    "SUPPRESS": _suppress,
    "OOS": _out_of_service,
    "SET": _set,
    "COMMENT": _comment,
}


def merged(a: Alarm, values: Mapping[str, object]) -> AlarmSettings | None:
    """The settings with these values in place of some; None where a name or a type is wrong."""
    known = msgspec.to_builtins(settings_of(a))
    full = {name: known.get(name, default) for name, default in _defaults().items()}
    if not values or not values.keys() <= full.keys():
        return None
    try:
        return msgspec.convert({**full, **values}, AlarmSettings)
    except msgspec.ValidationError:
        return None


def _defaults() -> dict[str, object]:
    return {field.name: field.default for field in msgspec.structs.fields(AlarmSettings)}


def reconfigure(p: Point, wanted: Mapping[int, AlarmSettings], now: int, voice: Voice) -> None:
    """New settings act at the point's now: logged, then the last good value is evaluated against them (R13)."""
    changed = [a for a in p.alarms if a.level in wanted]
    for a in changed:
        _configure(p, a, wanted[a.level], max(now, a.change_t))
        voice.alarm(p, a, Ev.CONFIG, max(now, a.change_t))
    voice.command = None  # what follows from it is the plant's doing
    moved = False
    if p.heard and not p.lost and p.value == p.value and not p.place.rule:
        for a in changed:
            moved |= evaluate(a, p.value, max(now, a.change_t), fresh=False, late=False)
    for a in changed:
        if a.outer is not None and a.outer.active and not a.active:  # a new inner level under an active outer one
            raise_alarm(p, a, max(now, a.change_t), voice)
    if moved or any(a.due <= max(now, a.change_t) for a in changed):
        before = min(max(now, p.fired_t) + 1, p.stale_due)  # a loss that is not told yet comes before what is due later
        fire(p, before, voice, stale_before=now - p.lag + 1)


def _configure(p: Point, a: Alarm, wanted: AlarmSettings, t: int) -> None:
    """Running delays take the new length, but nothing falls due before the change."""
    old = a.settings
    if p.place.rule:
        a.configure(RULE_LIMIT, rule_profile(wanted))
    else:
        a.configure(wanted.limit, profile_of(wanted))
    if a.c and not a.active and wanted.on_delay_ms != old.on_delay_ms:
        a.due = max(a.since + wanted.on_delay_ms, t)
    if a.active and not a.c and not p.lost and wanted.off_delay_ms != old.off_delay_ms:
        a.due = max(a.since + wanted.off_delay_ms, t)
    standing = a.standing
    if standing is not None and a.active and wanted.realarm_ms != old.realarm_ms and standing.annunciated_t != BEFORE:
        due = NEVER if wanted.realarm_ms is None else max(standing.annunciated_t + wanted.realarm_ms, t)
        standing.realarm_due = due
