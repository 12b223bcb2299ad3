"""Users, sessions, tokens and gateways' credentials on a real line."""

from __future__ import annotations

import pytest

from line.log import Line
from registry import accounts, credentials
from registry.accounts import AccountError
from registry.people import Person, Role
from tests.unit.registry.sites import small_site

NOW_MS = 1_800_000_000_000
PASSWORD = "correct horse"


async def test_a_user_logs_in_and_out(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.OPERATOR, region="P", at_ms=NOW_MS)
    ann = Person("ann", Role.OPERATOR, region="P")
    found = await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS)
    assert found is not None
    secret, person = found
    assert person == ann
    assert await accounts.person(line, secret, now_ms=NOW_MS) == ann
    assert await accounts.person(line, secret + "x", now_ms=NOW_MS) is None
    await accounts.log_out(line, secret)
    assert await accounts.person(line, secret, now_ms=NOW_MS) is None


async def test_a_wrong_name_or_password_opens_nothing(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    for name, password in (("ann", "wrong horse"), ("ann", ""), ("bob", PASSWORD), ("a.*>", PASSWORD), ("", "")):
        assert await accounts.log_in(line, name, password, now_ms=NOW_MS) is None


async def test_a_session_ends_after_a_shift(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    found = await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS)
    assert found is not None
    end_ms = NOW_MS + accounts.SESSION_MS
    assert await accounts.person(line, found[0], now_ms=end_ms - 1) is not None
    assert await accounts.person(line, found[0], now_ms=end_ms) is None
    assert await accounts.forget_sessions(line, now_ms=end_ms) == 1


async def test_a_closed_account_ends_its_sessions_at_once(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    found = await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS)
    assert found is not None
    await accounts.change_user(line, "ann", disabled=True)
    assert await accounts.person(line, found[0], now_ms=NOW_MS) is None
    assert await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS) is None
    await accounts.change_user(line, "ann", disabled=False, password="another one")
    assert await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS) is None
    assert await accounts.log_in(line, "ann", "another one", now_ms=NOW_MS) is not None


async def test_names_are_taken_once_and_passwords_are_not_too_short(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    with pytest.raises(AccountError, match="there is a user ann already"):
        await accounts.add_user(line, "ann", PASSWORD, Role.ADMIN, at_ms=NOW_MS)
    with pytest.raises(AccountError, match="8 to 1000 characters"):
        await accounts.add_user(line, "bob", "short", Role.VIEWER, at_ms=NOW_MS)
    with pytest.raises(AccountError, match="for a name"):
        await accounts.add_user(line, "a b", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    with pytest.raises(AccountError, match="there is no user bob"):
        await accounts.change_user(line, "bob", disabled=True)
    assert [user.name for user in await accounts.users(line)] == ["ann"]


async def test_a_token_opens_until_it_is_revoked(line: Line) -> None:
    secret = await accounts.create_token(line, "grafana", Role.VIEWER, enterprise="E", at_ms=NOW_MS)
    assert await accounts.person(line, secret, now_ms=NOW_MS) == Person("grafana", Role.VIEWER, enterprise="E")
    assert await accounts.person(line, accounts.TOKEN, now_ms=NOW_MS) is None
    assert await accounts.person(line, "", now_ms=NOW_MS) is None
    assert await accounts.revoke_tokens(line, "grafana") == 1
    assert await accounts.person(line, secret, now_ms=NOW_MS) is None


async def test_no_secret_is_kept_in_the_open(line: Line) -> None:
    await accounts.add_user(line, "ann", PASSWORD, Role.VIEWER, at_ms=NOW_MS)
    found = await accounts.log_in(line, "ann", PASSWORD, now_ms=NOW_MS)
    token = await accounts.create_token(line, "grafana", Role.VIEWER, at_ms=NOW_MS)
    _, secret = await credentials.renew(line, small_site(), "E", "GW1")
    assert found is not None
    kept = str(await line.entries("accounts")) + str(await line.entries("credentials"))
    for hidden in (PASSWORD, found[0], token, secret):
        assert hidden not in kept


async def test_a_gateways_new_credential_replaces_the_old_one(line: Line) -> None:
    site = small_site()
    name, first = await credentials.renew(line, site, "E", "GW1")
    assert name == "E.GW1"
    _, second = await credentials.renew(line, site, "E", "GW1")
    (hashed,) = (await credentials.hashes(line)).values()
    assert credentials.is_right(second, hashed)
    assert not credentials.is_right(first, hashed)
    with pytest.raises(credentials.UnknownGateway, match="no gateway GW9 of E"):
        await credentials.renew(line, site, "E", "GW9")
