"""Questions to a broker, each answered by what it delivers, never by what it confirms or grants."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingest.mqtt import Broker
from ingest.trial.client import Client, TrialError
from ingest.trial.verdicts import Found, Verdict

QUIET_S = 2.0  # nothing has come for so long: nothing more will
AGAIN_S = (
    35.0  # a broker gives again what was not confirmed at once, or after its patience: 30 s of a plain nats-server
)
RESTART_S = 60.0
A_MESSAGE = b'{"values": {}, "try": %d}'  # holds no reading, should a platform listen
LARGE = 1 << 20  # what the contract allows a gateway
FOREIGN = "hazard/v1/hazardwatch-try/foreign/readings"


@dataclass(slots=True)
class Setting:
    """Where and as whom: `platform` may subscribe to all of `hazard/v1/`, `gateway` is one gateway's credential.

    Without the second, the platform's credential plays both, on a topic to which it may publish (`…/confirmed`).
    """

    platform: Broker
    gateway: Broker | None = None
    topic: str = "hazard/v1/hazardwatch-try/try/confirmed"
    count: int = 5_000
    restart_command: str | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    foreign_ids: bool = True  # whether a client may choose its id: else the broker makes it of the user's name

    @property
    def sender(self) -> Broker:
        return self.gateway or self.platform

    def subscriber_id(self, probe: str) -> str:
        return f"hazardwatch-try-{self.run}-{probe}"


def try_broker(setting: Setting, say: Callable[[Found], None]) -> list[Found]:
    """All questions in turn; TrialError where the broker cannot be asked at all."""
    setting.foreign_ids = _chooses_ids(setting)
    if not setting.foreign_ids and setting.gateway is None:
        raise TrialError(
            "the broker makes client ids of user names, so one credential cannot both send and receive: "
            "give a gateway's credential too"
        )
    found = []
    for probe in (queue, redelivery, restart, size, in_flight, retained, takeover, foreign_topics, wildcards):
        one = probe(setting)
        say(one)
        found.append(one)
    return found


def queue(setting: Setting) -> Found:
    """Many messages for a subscriber that is away (M1)."""
    acked, delivered = _while_away(setting, "queue", setting.count)
    return _kept("queue", "keeps what comes while the platform is away", acked, delivered)


def restart(setting: Setting) -> Found:
    """Messages for a subscriber that is away, and the broker is killed at once after it confirmed them (M2)."""
    what = "keeps what it confirmed over kill -9 and a start"
    command = setting.restart_command
    if command is None:
        return Found("restart", what, Verdict.UNTRIED, "give --restart-command, which kills it and starts it again")

    def kill() -> None:
        done = subprocess.run(command, shell=True, check=False, timeout=RESTART_S)  # noqa: S602  the administrator's own
        if done.returncode:
            raise TrialError(f"the restart command ended with {done.returncode}")
        _until_back(setting)

    acked, delivered = _while_away(setting, "restart", min(setting.count, 1_000), kill)
    return _kept("restart", what, acked, delivered)


def redelivery(setting: Setting) -> Found:
    """A subscriber that dies with messages in hand, which it never confirmed (M3)."""
    count = min(setting.count, 200)
    topic = setting.topic
    ident = setting.subscriber_id("redelivery")
    with _session(setting, ident, topic):
        pass
    dying = Client(setting.platform, ident, clean=False, acks=False)
    with dying:
        dying.subscribe(topic)
        acked = _send(setting, topic, count)
        dying.wait_for(count, quiet_s=QUIET_S, seconds=30)
        dying.die()
        dying.wait_until_gone(5)
    delivered = _collect(setting, ident, acked, quiet_s=max(AGAIN_S, QUIET_S))
    return _kept("redelivery", "gives again what was not confirmed to it", acked, delivered)


def size(setting: Setting) -> Found:
    """A message of a backfill: 1 MiB."""
    what = "delivers a message of 1 MiB"
    head = A_MESSAGE % 0
    acked = delivered = 0
    with _session(setting, setting.subscriber_id("size"), setting.topic) as subscriber:
        with Client(setting.sender, f"{setting.run}-large") as sender:
            acked = sender.publish(setting.topic, [head + b" " * (LARGE - len(head))], seconds=20)
        delivered = subscriber.wait_for(acked, quiet_s=QUIET_S * 2, seconds=20) if acked else 0
    _forget(setting, "size")
    if acked and not delivered:
        return Found("size", what, Verdict.LOSES, "confirmed, and never delivered")
    if not acked:
        return Found("size", what, Verdict.WARN, "refused: gateways must send smaller messages")
    return Found("size", what, Verdict.KEEPS, "delivered")


def in_flight(setting: Setting) -> Found:
    """How many messages it gives to a subscriber that has confirmed none: what one round trip to the disk carries."""
    what = "gives enough messages at once"
    count = min(setting.count, 300)
    ident = setting.subscriber_id("inflight")
    slow = Client(setting.platform, ident, clean=True, acks=False)
    with slow:
        slow.subscribe(setting.topic)
        _send(setting, setting.topic, count)
        given = slow.wait_for(count, quiet_s=QUIET_S, seconds=30)
    verdict = Verdict.KEEPS if given >= min(100, count) else Verdict.WARN
    return Found("in flight", what, verdict, f"{given} of {count} before the first was confirmed")


def retained(setting: Setting) -> Found:
    """An old value that every new subscription is given as if it were new (M7b)."""
    what = "retained messages"
    with Client(setting.sender, f"{setting.run}-retain") as sender:
        acked = sender.publish(setting.topic, [A_MESSAGE % 0], seconds=10, retain=True)
    with Client(setting.platform, f"{setting.run}-new") as new:
        new.subscribe(setting.topic)
        new.wait_for(1, quiet_s=QUIET_S / 2, seconds=1)
        marked, unmarked = len(new.retained), len(new.arrived)
    if acked:
        with Client(setting.sender, f"{setting.run}-retain") as sender:
            sender.publish(setting.topic, [b""], seconds=10, retain=True)
    if unmarked:
        return Found("retained", what, Verdict.WARN, "given to a new subscription, and not marked as old")
    said = "given to a new subscription, marked: ingest keeps them apart" if marked else "not given again"
    return Found("retained", what, Verdict.KEEPS, said)


def takeover(setting: Setting) -> Found:
    """A gateway that comes with the platform's client id (M7a)."""
    what = "a gateway cannot take over the platform's session"
    if setting.gateway is None:
        return Found("takeover", what, Verdict.UNTRIED, "give a gateway's credential")
    ident = setting.subscriber_id("takeover")
    with _session(setting, ident, setting.topic) as victim:
        try:
            with Client(setting.gateway, ident, clean=True):
                kicked = victim.wait_until_gone(QUIET_S)
        except TrialError:
            kicked = not victim.is_connected
    acked = _send(setting, setting.topic, 5)
    try:
        with Client(setting.gateway, ident, clean=True):
            pass
    except TrialError:  # it is not let in: that is well too
        kicked = kicked or False
    delivered = _collect(setting, ident, acked)
    lost = acked - delivered
    verdict = Verdict.LOSES if kicked or lost else Verdict.KEEPS
    return Found(
        "takeover", what, verdict, f"{'cut off' if kicked else 'not cut off'}, {lost} of {acked} waiting messages lost"
    )


def foreign_topics(setting: Setting) -> Found:
    """What a gateway publishes in another's name, also as its last will (M7b)."""
    what = "a gateway cannot speak for another"
    if setting.gateway is None:
        return Found("foreign topics", what, Verdict.UNTRIED, "give a gateway's credential")
    with Client(setting.platform, setting.subscriber_id("foreign")) as listener:
        listener.subscribe("hazard/v1/#")
        liar = Client(setting.gateway, f"{setting.run}-liar")
        liar.will(FOREIGN, A_MESSAGE % 2)
        with liar:
            acked = liar.publish(FOREIGN, [A_MESSAGE % 1], seconds=QUIET_S)
            liar.die()
            liar.wait_until_gone(5)
        listener.wait_for(2, quiet_s=QUIET_S, seconds=4)
        heard = sum(payload in (A_MESSAGE % 1, A_MESSAGE % 2) for payload in listener.arrived)
    verdict = Verdict.OPEN if heard else Verdict.KEEPS
    return Found("foreign topics", what, verdict, f"{heard} of 2 delivered ({acked} confirmed to the liar)")


def wildcards(setting: Setting) -> Found:
    """What a gateway hears of others, and what it can divert from the platform by a shared subscription (M7b)."""
    what = "a gateway hears nothing of others and diverts nothing"
    if setting.gateway is None:
        return Found("wildcards", what, Verdict.UNTRIED, "give a gateway's credential")
    other = "hazard/v1/hazardwatch-try/other/confirmed"
    count = 20
    with Client(setting.platform, setting.subscriber_id("wildcards")) as platform:
        platform.subscribe("hazard/v1/#")
        with Client(setting.gateway, f"{setting.run}-snoop") as snoop:
            granted = sum(
                snoop.subscribe(topic)
                for topic in ("#", "+/+/#", "hazard/v1/#", "$share/x/hazard/v1/#")
                if snoop.is_connected
            )
            sent = platform.publish(other, [A_MESSAGE % n for n in range(count)], seconds=10)
            heard_by_platform = platform.wait_for(sent, quiet_s=QUIET_S / 2, seconds=10)
            snoop.wait_for(count, quiet_s=QUIET_S, seconds=2)
            heard = len(set(snoop.arrived))
    diverted = max(sent - heard_by_platform, 0)
    verdict = Verdict.LOSES if diverted else Verdict.OPEN if heard else Verdict.KEEPS
    return Found(
        "wildcards",
        what,
        verdict,
        f"{heard} foreign messages heard ({granted} subscriptions granted), {diverted} diverted",
    )


def _chooses_ids(setting: Setting) -> bool:
    """Whether two clients of one user stay apart. A user that has a session here must not lose it to us."""
    one, other = f"{setting.run}-a", f"{setting.run}-b"
    with Client(setting.platform, one, clean=False) as first:
        if first.had_session:
            raise TrialError(
                f"{setting.platform.username} has a session at this broker, which makes client ids of user names: "
                "give the trial a user of its own, with the same rights"
            )
        with Client(setting.platform, other, clean=False):
            apart = not first.wait_until_gone(1.0)
    for ident in (one, other):
        with Client(setting.platform, ident, clean=True):
            pass
    return apart


def _while_away(
    setting: Setting, probe: str, count: int, meanwhile: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """How many of `count` messages were confirmed while the subscriber was away, and how many it was given then."""
    ident = setting.subscriber_id(probe)
    with _session(setting, ident, setting.topic):
        pass
    acked = _send(setting, setting.topic, count)
    meanwhile()
    return acked, _collect(setting, ident, acked)


@contextmanager
def _session(setting: Setting, ident: str, topic: str) -> Iterator[Client]:
    with Client(setting.platform, ident, clean=False) as subscriber:
        if not subscriber.subscribe(topic):
            raise TrialError(f"the platform's credential may not subscribe to {topic} at QoS 1")
        yield subscriber


def _send(setting: Setting, topic: str, count: int) -> int:
    with Client(setting.sender, f"{setting.run}-sender") as sender:
        acked = sender.publish(topic, (A_MESSAGE % number for number in range(count)), seconds=60)
    if not acked:
        raise TrialError(f"nothing that is published to {topic} is confirmed: may this credential publish there?")
    return acked


def _collect(setting: Setting, ident: str, wanted: int, *, quiet_s: float | None = None) -> int:
    """How many different messages the session is given when it comes back; the session is gone afterwards."""
    with Client(setting.platform, ident, clean=False) as back:
        back.wait_for(wanted, quiet_s=quiet_s or QUIET_S * 2, seconds=120)
        given = len(set(back.arrived))
    with Client(setting.platform, ident, clean=True):
        pass
    return given


def _forget(setting: Setting, probe: str) -> None:
    with Client(setting.platform, setting.subscriber_id(probe), clean=True):
        pass


def _until_back(setting: Setting) -> None:
    end = time.monotonic() + RESTART_S
    while True:
        try:
            with Client(setting.sender, f"{setting.run}-back"):
                return
        except TrialError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _kept(probe: str, what: str, acked: int, delivered: int) -> Found:
    lost = max(acked - delivered, 0)
    said = f"{acked} confirmed, {delivered} delivered" + (f": {lost} lost" if lost else "")
    return Found(probe, what, Verdict.LOSES if lost else Verdict.KEEPS, said)
