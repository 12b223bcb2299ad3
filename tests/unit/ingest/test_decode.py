"""Payloads as gateways send them, well and badly formed: what is read of each, and why the rest is refused."""

from __future__ import annotations

import json
from math import isfinite, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import decode
from ingest.decode import RawReadings, RawStatus, Reason, Refusal


def one(payload: bytes) -> RawReadings:
    found = decode.readings(payload)
    assert len(found) == 1
    assert isinstance(found[0], RawReadings), found[0]
    return found[0]


def numbers(values: dict[str, float | bool | None]) -> dict[str, float | None]:
    """Values as they will be stored, NaN as None."""
    return {tag: None if value is None or isnan(value) else float(value) for tag, value in values.items()}


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        pytest.param(b'{"ts": 1, "values": {"A": 3.214, "B": 2}}', {"A": 3.214, "B": 2.0}, id="numbers"),
        pytest.param(b'{"values": {"A": true, "B": false}}', {"A": 1.0, "B": 0.0}, id="true and false are 1 and 0"),
        pytest.param(b'{"values": {"A": null}}', {"A": None}, id="null is no value"),
        pytest.param(b'{"values": {"A": NaN, "B": 1}}', {"A": None, "B": 1.0}, id="bare NaN is null"),
        pytest.param(
            b'{"values": {"A": Infinity, "B": -Infinity}}', {"A": None, "B": None}, id="bare Infinity is null"
        ),
        pytest.param(b'{"values": {"A": 1e400, "B": -1e400}}', {"A": None, "B": None}, id="too large for a double"),
        pytest.param(b'{"values": {"A": 9007199254740993}}', {"A": 9007199254740992.0}, id="an integer beyond 2**53"),
        pytest.param(b'{"values": {"A": %s}}' % (b"9" * 30), {"A": 1e30}, id="an integer of 30 digits"),
        pytest.param(b'{"values": {"A": %s}}' % (b"9" * 5000), {"A": None}, id="an integer of 5,000 digits"),
        pytest.param(b'{"values": {"A": 1e-400}}', {"A": 0.0}, id="too small for a double"),
        pytest.param(b'{"values": {}}', {}, id="nothing to store is no fault"),
        pytest.param(b'\xef\xbb\xbf{"values": {"A": 1}}', {"A": 1.0}, id="a byte order mark"),
        pytest.param('{"values": {"温度": 1}}'.encode(), {"温度": 1.0}, id="a tag in Chinese"),
        pytest.param(b'{"values": {"A": 1}, "more": {"x": [1]}}', {"A": 1.0}, id="fields that nobody knows"),
    ],
)
def test_values_that_can_be_used(payload: bytes, values: dict[str, float | None]) -> None:
    found = one(payload)
    assert numbers(found.values) == values
    assert found.refusals == ()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", Reason.NOT_JSON, id="nothing"),
        pytest.param(b"hello", Reason.NOT_JSON, id="a word"),
        pytest.param(b"\xff\xfe\x00", Reason.NOT_JSON, id="no UTF-8"),
        pytest.param(b'{"values": {"\xff": 1}}', Reason.NOT_JSON, id="no UTF-8 inside"),
        pytest.param(b'{"values": {"A": 1}', Reason.NOT_JSON, id="cut off"),
        pytest.param(b'{"values": {"A": 1}} x', Reason.NOT_JSON, id="something behind"),
        pytest.param(b"[" * 100_000, Reason.NOT_JSON, id="nested deeply"),
        pytest.param(b'{"x":' * 100_000, Reason.NOT_JSON, id="objects nested deeply"),
        pytest.param(b'{"values": {}, "x": %s}' % (b"[" * 5000 + b"]" * 5000), Reason.NOT_JSON, id="deep in a side"),
        pytest.param(b" " * (1 << 20) + b"{}", Reason.TOO_LARGE, id="over 1 MiB"),
        pytest.param(b"[" + b"1," * 100_000 + b"1]", Reason.TOO_LARGE, id="an endless array"),
        pytest.param(b"5", Reason.WRONG_TYPE, id="a number"),
        pytest.param(b'"text"', Reason.WRONG_TYPE, id="a string"),
        pytest.param(b"null", Reason.WRONG_TYPE, id="null"),
        pytest.param(b"{}", Reason.WRONG_TYPE, id="an empty object"),
        pytest.param(b'{"ts": 1}', Reason.WRONG_TYPE, id="no values"),
        pytest.param(b'{"values": [1]}', Reason.WRONG_TYPE, id="values as an array"),
        pytest.param(b'{"values": null}', Reason.WRONG_TYPE, id="values null"),
        pytest.param(b'{"ts": true, "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts true"),
        pytest.param(b'{"ts": [1], "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts an array"),
        pytest.param(b'{"ts": "1767225600123", "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts a number as text"),
        pytest.param(b'{"ts": "yesterday", "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts a word"),
        pytest.param(b'{"ts": "2026-01-01T00:00:00", "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts without offset"),
        pytest.param(b'{"ts": "2026-13-01T00:00:00Z", "values": {"A": 1}}', Reason.WRONG_TYPE, id="ts in month 13"),
        pytest.param(b'{"values": {"A": 1}, "quality": 192}', Reason.WRONG_TYPE, id="one quality for all"),
    ],
)
def test_what_is_no_object_of_readings_is_refused_as_a_whole(payload: bytes, reason: Reason) -> None:
    found = decode.readings(payload)
    assert len(found) == 1
    assert isinstance(found[0], Refusal)
    assert (found[0].reason, found[0].tag) == (reason, "")
    assert found[0].detail


@pytest.mark.parametrize("value", ['"3.2"', '"NaN"', '""', "{}", "[1]", '{"v": 1}', '"12,5"'])
def test_a_value_of_another_type_is_refused_alone(value: str) -> None:
    found = one(f'{{"ts": 5, "values": {{"A": 1, "B": {value}, "C": 2}}}}'.encode())
    assert found.values == {"A": 1.0, "C": 2.0}
    assert [(refusal.reason, refusal.tag) for refusal in found.refusals] == [(Reason.WRONG_TYPE, "B")]
    assert json.loads(found.refusals[0].value) == json.loads(value)


@pytest.mark.parametrize(
    ("ts", "ms"),
    [
        pytest.param("1767225600123", 1767225600123, id="milliseconds"),
        pytest.param("1767225600", 1767225600, id="seconds are read as milliseconds, and shifted later"),
        pytest.param("1767225600123.0", 1767225600123, id="a number with a point"),
        pytest.param("-5", -5, id="before 1970"),
        pytest.param("4102444800000", 4102444800000, id="the year 2100"),
        pytest.param("9" * 40, decode.LATEST_MS, id="beyond all years"),
        pytest.param("-1e30", decode.EARLIEST_MS, id="before all years"),
        pytest.param("1e999", None, id="Infinity is no time"),
        pytest.param("null", None, id="null is no time"),
        pytest.param('"2026-01-01T00:00:00.123Z"', 1767225600123, id="RFC 3339"),
        pytest.param('"2026-01-01t00:00:00.123z"', 1767225600123, id="RFC 3339 in small letters"),
        pytest.param('"2026-01-01T08:00:00.1239+08:00"', 1767225600123, id="with offset and more digits"),
        pytest.param('"2016-12-31T23:59:60Z"', 1483228800000, id="a leap second"),
        pytest.param('"0001-01-01T00:00:00+14:00"', decode.EARLIEST_MS, id="just before the year 1"),
        pytest.param('"9999-12-31T23:59:59.999-14:00"', decode.LATEST_MS, id="just after the year 9999"),
    ],
)
def test_times(ts: str, ms: int | None) -> None:
    assert one(f'{{"ts": {ts}, "values": {{"A": 1}}}}'.encode()).ts_ms == ms


@pytest.mark.parametrize(
    ("quality", "read"),
    [
        ("192", 192), ("64", 64), ("0", 0), ("null", 192), ("192.0", 192),
        pytest.param("216", 192, id="good, local override"),
        pytest.param("88", 64, id="uncertain, sub-normal"),
        pytest.param("24", 0, id="bad, communication failure"),
        pytest.param("128", 0, id="the severity that means nothing"),
    ],
)  # fmt: skip
def test_qualities_are_read_by_their_severity(quality: str, read: int) -> None:
    found = one(f'{{"values": {{"A": 1, "B": 1}}, "quality": {{"A": {quality}, "Z": 0}}}}'.encode())
    assert found.qualities.get("A", 192) == read
    assert "B" not in found.qualities


@pytest.mark.parametrize("quality", ['"good"', "500", "-1", "true", "{}", "1.5", "NaN"])
def test_a_quality_that_is_none_refuses_its_reading_alone(quality: str) -> None:
    found = one(f'{{"values": {{"A": 1, "B": 2}}, "quality": {{"A": {quality}}}}}'.encode())
    assert found.values == {"B": 2.0}
    assert [(refusal.reason, refusal.tag) for refusal in found.refusals] == [(Reason.WRONG_TYPE, "A")]


@pytest.mark.parametrize("ident", ["5", f'"{"x" * 65}"', "[]"])
def test_an_id_that_cannot_be_used_costs_the_confirmation_only(ident: str) -> None:
    found = one(f'{{"id": {ident}, "values": {{"A": 1}}}}'.encode())
    assert (found.id, found.values) == (None, {"A": 1.0})
    assert [refusal.reason for refusal in found.refusals] == [Reason.WRONG_TYPE]


def test_each_object_of_an_array_stands_for_itself() -> None:
    payload = (
        b'[{"ts": 1, "values": {"A": 1}}, 7, {"ts": "x", "values": {"A": 2, "B": 3}, "id": "k"}, {"values": {"A": 3}}]'
    )
    first, second, third, fourth = decode.readings(payload)
    assert isinstance(first, RawReadings)
    assert isinstance(second, Refusal)
    assert isinstance(third, Refusal)
    assert (third.readings, third.id) == (2, "k")
    assert isinstance(fourth, RawReadings)
    assert fourth.ts_ms is None
    assert decode.readings(b"[]") == []


def test_the_fast_way_and_the_tolerant_way_read_the_same() -> None:
    plain = {"ts": 1767225600123, "values": {"A": 1.5, "B": True, "C": None}, "quality": {"A": 64}, "id": "x"}
    fast = one(json.dumps(plain).encode())
    tolerant = one(json.dumps({**plain, "values": {**plain["values"], "D": nan}}).encode())  # type: ignore[dict-item]  # a dict
    assert numbers(tolerant.values) == {**numbers(fast.values), "D": None}
    assert (fast.ts_ms, fast.qualities, fast.id) == (tolerant.ts_ms, tolerant.qualities, tolerant.id)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b'{"online": true, "ts": 5}', RawStatus(True, 5)),
        (b'{"online": false}', RawStatus(False)),
        (b'{"online": false, "ts": "never"}', RawStatus(False)),
    ],
)
def test_a_status_counts_whatever_its_time(payload: bytes, status: RawStatus) -> None:
    assert decode.status(payload) == status


@pytest.mark.parametrize("payload", [b"x", b"1", b"{}", b'{"online": 1}', b'{"online": "true"}'])
def test_a_status_that_says_nothing_is_refused(payload: bytes) -> None:
    assert isinstance(decode.status(payload), Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.fixed_dictionaries(
    {"values": st.dictionaries(st.sampled_from("ABCD"), JSON, max_size=4)},
    optional={"ts": JSON, "quality": JSON, "id": JSON},
)


@given(st.binary(max_size=200))
def test_any_bytes_become_readings_or_refusals(payload: bytes) -> None:
    decode.readings(payload)
    decode.status(payload)


@given(st.lists(OBJECT, max_size=4))
def test_every_reading_is_either_usable_or_refused(objects: list[dict[str, object]]) -> None:
    found = decode.readings(json.dumps(objects).encode())
    assert len(found) == len(objects)
    for sent, read in zip(objects, found, strict=True):
        values = sent["values"]
        assert isinstance(values, dict)
        if isinstance(read, Refusal):
            assert read.readings == max(len(values), 1)
        else:
            assert len(read.values) + len([one for one in read.refusals if one.tag]) == len(values)
            assert all(value is None or isnan(value) or isfinite(value) for value in read.values.values())
