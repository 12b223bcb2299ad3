"""A tag that was forgotten in the site: its readings are kept, and put right once it is known; nothing rings as now."""

from __future__ import annotations

import time
from pathlib import Path

from tests.system.platform import GatewayClient, Platform, until

COLUMNS = "enterprise,source,tag,kind,unit,period_s,h,hh,l,deadband,priority,stale_s\n"


def test_readings_of_a_forgotten_tag_are_put_right_by_a_replay(platform: Platform, tmp_path: Path) -> None:
    t = int(time.time() * 1000) - 60_000
    with GatewayClient(platform, "E1", "GW1", platform.credential("E1", "GW1")) as gateway:
        for n, value in enumerate((50, 85, 50)):
            mid = gateway.publish({"ts": t + 1_000 * n, "values": {"FORGOTTEN": value, "T15": 1}})
        gateway.wait_for(mid)
    until(lambda: len(platform.get("/rejects?tag=FORGOTTEN")["items"]) == 3, 10, "kept")
    (tmp_path / "tags.csv").write_text(f"{COLUMNS}E1,TF1,FORGOTTEN,other,m,60,80,90,,2,2,3600\n")
    platform.cli("site", "import", str(tmp_path))
    words = ("rejects", "replay", "--tag", "FORGOTTEN", "--enterprise", "E1")
    assert "3 rejects tried, 3 settled, 3 readings put on the line" in platform.cli(*words)
    assert platform.http("POST", "/rejects/replay", json={"tag": "FORGOTTEN"}).json()["rejects"] == 0
    query = "SELECT value FROM hazardwatch.reading WHERE tag = 'FORGOTTEN' ORDER BY t"
    assert until(lambda: platform.rows(query), 10, "stored") == [(50.0,), (85.0,), (50.0,)]
    (alarm,) = until(lambda: platform.get("/alarms?enterprise=E1&late=true")["items"], 10, "listed")
    assert (alarm["tag"], alarm["late"], alarm["annunciated"]) == ("FORGOTTEN", True, False)
