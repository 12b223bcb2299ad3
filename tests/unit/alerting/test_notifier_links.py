"""Links that accept an alarm: made by us, unchanged, and not too old."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.notifier.links import BadLink, Expired, Link, sign, user_of, verify

SECRET, OTHER = b"s" * 32, b"o" * 32
LINK = Link("0123abcd", 3, "E1", "储罐-1", "HH", "夜班 Night shift", 1_000)


def test_a_link_comes_back_as_it_was_made() -> None:
    token = sign(LINK, SECRET)
    assert verify(token, SECRET, 1_000) == LINK
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_an_old_link_is_refused() -> None:
    with pytest.raises(Expired):
        verify(sign(LINK, SECRET), SECRET, 1_001)


def test_a_link_of_another_platform_is_refused() -> None:
    with pytest.raises(BadLink):
        verify(sign(LINK, OTHER), SECRET, 0)


@given(st.data())
def test_a_link_that_was_changed_is_refused(data: st.DataObject) -> None:
    token = sign(LINK, SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = data.draw(st.sampled_from(sorted(set(string.ascii_letters + string.digits + "-_.") - {token[place]})))
    try:
        found = verify(token[:place] + changed + token[place + 1 :], SECRET, 0)
    except BadLink:
        return
    assert found == LINK, "unused bits of the last character may differ"


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadLink):
        verify(text, SECRET, 0)


def test_nobody_s_name_is_taken() -> None:
    assert user_of("op") != "op"
