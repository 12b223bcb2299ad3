"""Parts to batches: bounded, in order, and each message ends in exactly one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches import MOST_BYTES, MOST_READINGS, Columns, Part, no_readings, pack, platform_part
from line import messages
from line.messages import Batch, Reject

REJECT = Reject("not_json", "t", 0, b"x" * 65_536, 65_536, "0" * 64)


def part(count: int, *, number: int = 0, rejects: int = 0) -> Part:
    readings = no_readings()
    if count:
        readings = Columns(
            np.arange(count, dtype=np.int32),
            np.full(count, number, np.int64),
            np.zeros(count),
            np.full(count, 192, np.uint8),
            np.zeros(count, np.uint8),
            np.full(count, number, np.int64),
        )
    return Part(number, 1, number, readings, (REJECT,) * rejects)


@given(st.lists(st.lists(st.tuples(st.integers(0, MOST_READINGS), st.integers(0, 3)), max_size=3), max_size=8))
def test_batches_are_bounded_and_nothing_is_lost_or_moved(sizes: list[list[tuple[int, int]]]) -> None:
    prepared = [
        (owner, [part(count, number=owner, rejects=rejects) for count, rejects in own])
        for owner, own in enumerate(sizes)
    ]
    parcels = pack(prepared, 7)
    assert [owner for parcel in parcels for owner in parcel.ending] == list(range(len(sizes)))
    batches = [parcel.batch for parcel in parcels if parcel.batch is not None]
    assert [t for batch in batches for t in batch.t_ms.tolist()] == [
        owner for owner, own in enumerate(sizes) for count, _ in own for _ in range(count)
    ]
    assert sum(len(batch.rejects) for batch in batches) == sum(rejects for own in sizes for _, rejects in own)
    for batch in batches:
        assert len(batch.points) <= MOST_READINGS
        assert len(messages.encode(batch)) <= MOST_BYTES + 2_000
        assert (batch.at_ms[batch.message] == batch.t_ms).all(), "each reading names its own message"
    ends: dict[int, int] = {owner: place for place, parcel in enumerate(parcels) for owner in parcel.ending}
    for place, parcel in enumerate(parcels):
        if parcel.batch is not None:
            assert all(ends[int(owner)] >= place for owner in parcel.batch.hashes), "confirmed before it is kept"


def test_messages_with_nothing_to_keep_need_no_batch() -> None:
    (parcel,) = pack([("a", []), ("b", [])], 7)
    assert (parcel.batch, parcel.ending) == (None, ["a", "b"])
    assert pack([], 7) == []


def test_what_the_platform_says_are_good_readings_of_now() -> None:
    (parcel,) = pack([(None, [platform_part({101: 1.0, 102: 0.0}, 5)])], 7)
    assert isinstance(parcel.batch, Batch)
    assert parcel.batch.gateways.tolist() == [-1]
    assert parcel.batch.hashes.tolist() == [0]
    assert parcel.batch.points.tolist() == [101, 102]
    assert parcel.batch.values.tolist() == [1.0, 0.0]
    assert parcel.batch.t_ms.tolist() == [5, 5]
