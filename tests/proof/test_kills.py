"""Random kills by the dozen while readings flow: every confirmed reading stored once, every alarm raised once."""

from __future__ import annotations

import os
import random
import time

from tests.system.platform import ROLES, SERVERS, GatewayClient, Platform, until
from tests.system.test_kills import Load, everything_is_there_once

KILLS = int(os.environ.get("HAZARDWATCH_KILLS", "60"))


def test_nothing_is_lost_or_doubled_by_many_kills_at_random_moments(own_platform: Platform) -> None:
    chance = random.Random(1)  # noqa: S311  the same moments each time
    with GatewayClient(own_platform, "E1", "GW1", own_platform.credential("E1", "GW1")) as gateway:
        load = Load(gateway)
        load.start()
        for number in range(KILLS):
            time.sleep(chance.uniform(0.1, 4.0))  # a random moment
            victim = chance.choice((*ROLES, *SERVERS))
            own_platform.kill(victim)
            until(own_platform.ready, 20, f"ready after kill {number} ({victim})")
        load.finish()
    readings, alarms = everything_is_there_once(own_platform, load)
    print(f"\n{KILLS} kills, {readings} confirmed readings stored once, {alarms} alarms raised once")
