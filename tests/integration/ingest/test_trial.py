"""The trial of brokers against Debian's mosquitto as it comes, as we set it, and against our own."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.mqtt import Broker
from ingest.trial import probes
from ingest.trial.client import Client, TrialError
from ingest.trial.probes import Setting, try_broker
from ingest.trial.verdicts import REMEDIES, Found, Verdict, fails, table
from tests.conftest import free_port
from tests.integration.ingest.brokers import MOSQUITTO, Mosquitto, NatsBroker

DEPLOY = Path(__file__).parents[3] / "deploy" / "mosquitto"
PASSWORDS = {"hazardwatch": "a", "hazardwatch-try": "b", "E1.GW1": "c"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker on this machine that has said nothing for a third of a second has nothing more to say."""
    monkeypatch.setattr(probes, "QUIET_S", 0.35)


def needs_mosquitto() -> str:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    return MOSQUITTO


def as_it_comes(folder: Path) -> Mosquitto:
    """Two lines, as most start it."""
    broker = Mosquitto(folder)
    broker.config.write_text(f"listener {broker.mqtt_port} 127.0.0.1\nallow_anonymous true\n")
    return broker


def as_we_set_it(folder: Path) -> Mosquitto:
    """deploy/mosquitto, with folders, port and users of the test."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    for name, password in PASSWORDS.items():
        (folder / "passwd").touch(mode=0o600)
        subprocess.run(["mosquitto_passwd", "-b", folder / "passwd", name, password], check=True)
    shutil.copy(DEPLOY / "acl", folder / "acl")
    (folder / "acl").chmod(0o600)
    broker = Mosquitto(folder)
    text = (DEPLOY / "mosquitto.conf").read_text()
    text = re.sub(r"listener 8883\ncertfile .*\nkeyfile .*\n", f"listener {broker.mqtt_port} 127.0.0.1\n", text)
    text = text.replace("/etc/mosquitto/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")
    broker.config.write_text(f"{text}\nuser {getpass.getuser()}\n")
    return broker


@pytest.fixture
def mosquitto(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mosquitto]:
    needs_mosquitto()
    broker: Mosquitto = request.param(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def at(port: int, user: str | None = None) -> Broker:
    return Broker("127.0.0.1", port, "", user, PASSWORDS[user] if user else None)


def restart_command(broker: Mosquitto) -> str:
    """kill -9, and the same again; the second process is the test's to end, by the number in the file `again`."""
    assert broker.process is not None
    words = shlex.join([needs_mosquitto(), "-c", str(broker.config)])
    log = broker.folder / "mosquitto.log"
    return f"kill -9 {broker.process.pid}; sleep 0.2; {words} >>{log} 2>&1 & echo $! > {broker.folder}/again"


def end_second(broker: Mosquitto) -> None:
    if (broker.folder / "again").exists():
        os.kill(int((broker.folder / "again").read_text()), signal.SIGTERM)


def by_probe(found: list[Found]) -> dict[str, Verdict]:
    return {one.probe: one.verdict for one in found}


@pytest.mark.parametrize("mosquitto", [as_it_comes], indirect=True)
def test_mosquitto_as_it_comes_loses_what_it_confirmed(mosquitto: Mosquitto) -> None:
    said: list[Found] = []
    setting = Setting(at(mosquitto.mqtt_port), at(mosquitto.mqtt_port), "hazard/v1/E1/GW1/readings", count=1_200)
    found = try_broker(setting, said.append)
    assert said == found
    assert by_probe(found) == {
        "queue": Verdict.LOSES,
        "redelivery": Verdict.KEEPS,
        "restart": Verdict.UNTRIED,
        "size": Verdict.KEEPS,
        "in flight": Verdict.WARN,
        "retained": Verdict.KEEPS,
        "takeover": Verdict.LOSES,
        "foreign topics": Verdict.OPEN,
        "wildcards": Verdict.OPEN,
    }
    assert found[0].measured == "1200 confirmed, 1000 delivered: 200 lost"
    assert "5 of 5 waiting messages lost" in found[6].measured
    assert "max_queued_messages 0" in "\n".join(table(found))
    assert fails(found) == "This broker would lose what it confirmed."


@pytest.mark.parametrize("mosquitto", [as_we_set_it], indirect=True)
def test_mosquitto_as_we_set_it_keeps_all_also_over_a_kill(mosquitto: Mosquitto) -> None:
    """Few messages, for it writes its whole store at each; tests/proof/test_brokers.py sends more than its default."""
    found = tried_and_killed(mosquitto, count=60)
    assert_keeps_all_but_the_last_moment(found)


def assert_keeps_all_but_the_last_moment(found: list[Found]) -> None:
    """Mosquitto confirms a message a moment before it writes it: killed in that moment it loses it, however it is set.
    As it comes it loses all of them."""
    (restart,) = (one for one in found if one.probe == "restart")
    assert {one.verdict for one in found if one is not restart} == {Verdict.KEEPS}, table(found)
    lost = int(restart.measured.rpartition(": ")[2].removesuffix(" lost")) if restart.verdict is Verdict.LOSES else 0
    assert lost <= 2, restart.measured


def tried_and_killed(mosquitto: Mosquitto, *, count: int) -> list[Found]:
    """All questions, kill -9 among them, with the users of deploy/mosquitto/acl."""
    setting = Setting(
        at(mosquitto.mqtt_port, "hazardwatch-try"),
        at(mosquitto.mqtt_port, "E1.GW1"),
        "hazard/v1/E1/GW1/readings",
        count=count,
        restart_command=restart_command(mosquitto),
    )
    try:
        return try_broker(setting, lambda _: None)
    finally:
        end_second(mosquitto)


@pytest.mark.parametrize("mosquitto", [as_it_comes], indirect=True)
def test_mosquitto_as_it_comes_forgets_in_a_kill(mosquitto: Mosquitto) -> None:
    setting = Setting(at(mosquitto.mqtt_port), count=100, restart_command=restart_command(mosquitto))
    try:
        one = probes.restart(setting)
    finally:
        end_second(mosquitto)
    assert (one.verdict, one.measured) == (Verdict.LOSES, "100 confirmed, 0 delivered: 100 lost")


def test_our_own_broker_keeps_what_comes_while_the_platform_is_away(nats_server: NatsBroker) -> None:
    setting = Setting(Broker.at(nats_server.mqtt_url, client_id=""), count=1_200)
    for probe in (probes.queue, probes.redelivery, probes.size):
        assert probe(setting).verdict is Verdict.KEEPS


@pytest.mark.parametrize("mosquitto", [as_we_set_it], indirect=True)
def test_it_takes_no_session_away_from_the_platform(mosquitto: Mosquitto) -> None:
    """The broker makes client ids of user names: the trial would take over the session of its own user's platform."""
    with pytest.raises(TrialError, match="give a gateway's credential too"):
        try_broker(Setting(at(mosquitto.mqtt_port, "hazardwatch-try")), lambda _: None)
    platform = at(mosquitto.mqtt_port, "hazardwatch")
    with Client(platform, "ingest", clean=False) as ingest:
        ingest.subscribe("hazard/v1/+/+/readings")
    with pytest.raises(TrialError, match="a user of its own"):
        try_broker(Setting(platform, at(mosquitto.mqtt_port, "E1.GW1")), lambda _: None)


def test_a_broker_that_is_not_there_is_one_line_and_no_verdict() -> None:
    words = [sys.executable, "-m", "hazardwatch", "broker", "try", f"mqtt://127.0.0.1:{free_port()}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "does not answer" in done.stderr


def test_every_question_has_a_remedy_for_every_broker() -> None:
    assert all(set(remedies) == {"Mosquitto", "EMQX", "embedded"} for remedies in REMEDIES.values())
