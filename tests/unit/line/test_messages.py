"""The codec of INPUT: everything comes back as it was, and nothing unreadable passes for a message."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line.messages import (
    Batch,
    CodecError,
    Command,
    GatewayStatus,
    Input,
    RegistryChange,
    Reject,
    Tick,
    decode,
    encode,
    kind_of,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 2**31 - 1),
        INT64,
        st.floats(width=64),
        st.sampled_from([192, 64, 0]),
        st.sampled_from([0, 1, 2]),
        INT64,
    ),
    max_size=20,
)
COLUMNS = ("message", "points", "t_ms", "values", "qualities", "clocks", "source_t_ms")
MESSAGE_COLUMNS = ("hashes", "gateways", "at_ms")


@given(rows=ROWS, hashes=st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4))
def test_a_batch_comes_back_column_by_column(rows: list[tuple[float, ...]], hashes: list[int]) -> None:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    batch = Batch(
        registry=4,
        hashes=np.array(hashes, np.uint64),
        gateways=np.array([-1, 1, 2, 3], np.int32),
        at_ms=np.array([1, 2, 3, 4], np.int64),
        message=np.array(columns[0], np.int32),
        points=np.array(columns[1], np.int32),
        t_ms=np.array(columns[2], np.int64),
        values=np.array(columns[3], np.float64),
        qualities=np.array(columns[4], np.uint8),
        clocks=np.array(columns[5], np.uint8),
        source_t_ms=np.array(columns[6], np.int64),
        rejects=(Reject("not_json", "t", 5, b"\x00{", 2, "ab", tag="X"),),
        statuses=(GatewayStatus(2, online=False, at_ms=9),),
    )
    back = decode("batch", encode(batch))
    assert isinstance(back, Batch)
    for name in COLUMNS + MESSAGE_COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name))
        assert getattr(back, name).dtype == getattr(batch, name).dtype
    assert (back.registry, back.rejects, back.statuses) == (4, batch.rejects, batch.statuses)


@pytest.mark.parametrize(
    "message",
    [
        Command("c1", "ACK", "E", "T1", "HH", "ann", 5, occ=2, comment="seen", values={"limit": 7.5}),
        Tick(1_767_225_600_123),
        RegistryChange(12, 5),
    ],
    ids=kind_of,
)
def test_the_rare_messages_come_back_equal(message: Input) -> None:
    assert decode(kind_of(message), encode(message)) == message


@pytest.mark.parametrize(
    ("kind", "payload", "says"),
    [
        ("batch", b"", "cannot be read"),
        ("batch", b"\xc1", "cannot be read"),
        ("tick", encode(RegistryChange(1, 2)), "cannot be read"),
        ("later", b"", "unknown kind"),
        ("batch", msgspec.msgpack.encode([9, 1, *[b""] * 10, [], []]), "codec version 9"),
        ("batch", msgspec.msgpack.encode([1, 1, b"123", *[b""] * 9, [], []]), "cannot be read"),
    ],
    ids=["empty", "no msgpack", "another message", "unknown kind", "newer codec", "half a number"],
)
def test_what_is_no_message_is_refused_with_its_kind(kind: str, payload: bytes, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        decode(kind, payload)
