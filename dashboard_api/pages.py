"""Lists to pages of them: an opaque cursor, and no list without an end."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dashboard_api.problems import Problem

Item = TypeVar("Item")
MOST = 1_000
USUAL = 200


def cursor(words: str) -> str:
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def words_of(shown: str) -> str:
    """What a cursor stands for; 422 where it is none of ours."""
    try:
        return base64.b64decode(shown.encode() + b"=" * (-len(shown) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Problem(422, "after: this is no cursor that a list of ours gave") from error


def page(
    items: Sequence[Item],
    *,
    key: Callable[[Item], str],
    show: Callable[[Item], dict[str, Any]],
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """A page of items that are sorted by `key`."""
    begin = 0
    if after is not None:
        last = words_of(after)
        begin = next((place for place, item in enumerate(items) if key(item) > last), len(items))
    chosen = items[begin : begin + limit]
    more = begin + limit < len(items)
    return {"items": [show(item) for item in chosen], "next": cursor(key(chosen[-1])) if more and chosen else None}
