"""Rows to what their rollups do not know yet: the hours they lie in, of all tags or of a few."""

from __future__ import annotations

import numpy as np

from ingest.rows import Rows

HOUR_MS = 3_600_000
FEW = 100  # tags of an hour that are named one by one
MOST = 2_000  # entries of one transaction

Touch = tuple[int, int | None]  # an hour as hours since 1970, and the tag; None: any tag


def touches(rows: Rows) -> list[Touch]:
    """What a transaction with these readings must say in `hazardwatch.touched`.

    Live readings touch their hour as a whole, which is not rolled up before it is over. Late ones of a few tags touch
    these alone, so that a gateway that sends what it kept for a week leaves the rollups of all others in use.
    """
    hours = rows.t_ms // HOUR_MS
    if not len(hours):
        return []
    live = int(rows.received_ms.max()) // HOUR_MS - 1
    found: list[Touch] = []
    for hour in np.unique(hours).tolist():
        points = np.unique(rows.points[hours == hour]) if hour < live else ()
        found += [(hour, int(point)) for point in points] if 0 < len(points) <= FEW else [(hour, None)]
    return found if len(found) <= MOST else [(hour, None) for hour in sorted({hour for hour, _ in found})]
