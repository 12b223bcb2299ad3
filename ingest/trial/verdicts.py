"""What was measured at a broker to a verdict, and to the settings that mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """LOSES: what the broker had confirmed did not arrive. OPEN: one gateway can speak for another, or listen to it.
    WARN: nothing is lost by it, but mind it."""

    KEEPS = "keeps"
    LOSES = "LOSES"
    OPEN = "OPEN"
    WARN = "warning"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Found:
    """One question to a broker: `what` was asked, what came of it, as numbers."""

    probe: str
    what: str
    verdict: Verdict
    measured: str


# By probe: broker -> what to set. Mosquitto's were tried here (docs/brokers.md); EMQX's are from its manual.
REMEDIES: dict[str, dict[str, str]] = {
    "queue": {
        "Mosquitto": "max_queued_messages 0, max_queued_bytes 0 (default: 1000 messages, the rest dropped in silence)",
        "EMQX": "mqtt.max_mqueue_len = infinity, or durable_sessions.enable = true (default: 1000, the oldest dropped)",
        "embedded": "this is a fault of ours: please report it",
    },
    "redelivery": {
        "Mosquitto": "persistent_client_expiration must not be set, or be longer than any outage",
        "EMQX": "mqtt.session_expiry_interval = 7d (default: 2 h, then the session is gone)",
        "embedded": "this is a fault of ours: please report it",
    },
    "restart": {
        "Mosquitto": "persistence true, autosave_on_changes true, autosave_interval 1 (default: once in 30 minutes); "
        "even so what it confirmed in its last moment may go: let gateways give an `id` and keep until `confirmed`",
        "EMQX": "durable_sessions.enable = true (default: sessions and their queues are in memory)",
        "embedded": "jetstream { sync_interval: always }",
    },
    "takeover": {
        "Mosquitto": "use_username_as_clientid true",
        "EMQX": "mqtt.use_username_as_clientid = true",
        "embedded": "this is a fault of ours: please report it",
    },
    "foreign topics": {
        "Mosquitto": "acl_file: a gateway writes its own `readings` and `status` alone (deploy/mosquitto/acl)",
        "EMQX": "authorization.no_match = deny, and rules by ${username}",
        "embedded": "a credential made by `hazardwatch gateway credential` has these rights already",
    },
    "wildcards": {
        "Mosquitto": "acl_file: a gateway reads its own `confirmed` alone (deploy/mosquitto/acl)",
        "EMQX": "authorization.no_match = deny; mqtt.shared_subscription = false",
        "embedded": "a credential made by `hazardwatch gateway credential` has these rights already",
    },
    "size": {
        "Mosquitto": "message_size_limit 0 (what is over it is confirmed to an MQTT 3 sender and dropped)",
        "EMQX": "mqtt.max_packet_size = 2MB (default: 1 MB, topic and header included)",
        "embedded": "max_payload 16MB",
    },
    "in flight": {
        "Mosquitto": "max_inflight_messages 1000 (default: 20)",
        "EMQX": "mqtt.max_inflight = 1000 (default: 32)",
        "embedded": "mqtt { max_ack_pending: 16000 }",
    },
}


def fails(found: list[Found]) -> str:
    """Why this broker must not be used as it is set; empty: nothing was found."""
    verdicts = {one.verdict for one in found}
    if Verdict.LOSES in verdicts:
        return "This broker would lose what it confirmed."
    return "This broker lets a gateway speak for another, or hear it." if Verdict.OPEN in verdicts else ""


def table(found: list[Found]) -> list[str]:
    """Lines for a terminal: each question with its verdict and figures; remedies below, where they are needed."""
    wide = max(len(one.what) for one in found)
    lines = [f"{one.verdict.value:9}  {one.what:{wide}}  {one.measured}" for one in found]
    for one in found:
        if one.verdict in (Verdict.LOSES, Verdict.OPEN, Verdict.WARN) and one.probe in REMEDIES:
            lines += ["", f"{one.what}:"]
            lines += [f"  {broker:9}  {setting}" for broker, setting in REMEDIES[one.probe].items()]
    return lines
