"""Origins, secrets and what a person sees."""

from __future__ import annotations

import pytest

from dashboard_api.access import is_own_origin, secret_of


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://hw.example:8080", True),
        ("https://hw.example:8080", True),
        ("http://hw.example", False),
        ("http://hw.example:8081", False),
        ("http://evil.example", False),
        ("http://hw.example:8080.evil.example", False),
        ("http://evil.example/http://hw.example:8080", False),
        ("null", False),
        ("", False),
        ("hw.example:8080", False),
    ],
)
def test_only_our_own_pages_are_ours(origin: str, own: bool) -> None:
    assert is_own_origin({"origin": origin, "host": "hw.example:8080"}) is own


def test_a_bearer_token_comes_before_the_cookie() -> None:
    assert secret_of({"authorization": "Bearer abc"}, {"hazardwatch_session": "x"}) == ("abc", False)
    assert secret_of({"authorization": "Basic abc"}, {"hazardwatch_session": "x"}) == ("x", True)
    assert secret_of({}, {}) == ("", True)
