"""Channels without their secrets."""

from __future__ import annotations

import pytest

from alerting.notifier.channels import scrubbed, shown, with_key


@pytest.mark.parametrize(
    ("channel", "what_is_shown"),
    [
        ("json://127.0.0.1:9000/hook/token", "json://127.0.0.1"),
        ("mailto://user:password@mail.example.org", "mailto://mail.example.org"),
        ("dingtalk://secretaccesstoken/13800000000", "dingtalk://"),
        ("webhooks://alarms.example.org/in?secret=whsec_abc", "webhooks://alarms.example.org"),
    ],
)
def test_what_is_shown_of_a_channel(channel: str, what_is_shown: str) -> None:
    assert shown(channel) == what_is_shown


def test_a_provider_s_words_lose_every_secret() -> None:
    channel = "json://user:pass%20word@host.example/tokentoken/x?key=abcdefgh"
    said = "POST /tokentoken/x?key=abcdefgh by user with pass word failed: 500"
    assert scrubbed(said, channel) == "POST /***/x?key=*** by user with *** failed: 500"
    assert "accesstoken" not in scrubbed("https://api/accesstoken", "dingtalk://accesstoken/")


def test_a_webhook_carries_the_key_of_its_notice() -> None:
    assert with_key("json://h/p?a=b", "k.1") == "json://h/p?a=b&+Idempotency-Key=k.1"
    assert with_key("dingtalk://token", "k.1") == "dingtalk://token"
