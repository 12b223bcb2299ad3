"""Names with passwords, and bearer secrets, to the person behind them: users, tokens and sessions on the line."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from line.log import Conflict, Line
from registry.faults import RegistryError
from registry.people import Person, Role, name_fault

BUCKET = "accounts"
SESSION_MS = 12 * 3_600_000  # a shift
LEAST_PASSWORD, MOST_PASSWORD = 8, 1_000
TOKEN, SESSION = "hwt_", "hws_"  # how a secret begins, so that one found in the open is recognised

_hasher = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$KjbwhjFbpPwcrpBSNnhTUBOoR9oTTF3P2qxUOXYHDzE"


class AccountError(RegistryError):
    """A name, password or account that cannot be."""


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person with a password; `password` is its argon2 hash."""

    name: str
    role: Role
    password: str
    region: str = ""
    enterprise: str = ""
    disabled: bool = False
    made_at_ms: int = 0

    def person(self) -> Person:
        return Person(self.name, self.role, self.region, self.enterprise)


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program's way in, kept under the hash of its secret."""

    name: str
    role: Role
    region: str = ""
    enterprise: str = ""
    made_at_ms: int = 0


class Session(msgspec.Struct, frozen=True):
    """A user who is logged in, kept under the hash of the session's secret."""

    user: str
    made_at_ms: int
    ends_at_ms: int


async def add_user(
    line: Line, name: str, password: str, role: Role, *, region: str = "", enterprise: str = "", at_ms: int
) -> User:
    """A new user; AccountError where the name is taken or cannot be, or the password is too short."""
    _check(name, password)
    hashed = await asyncio.to_thread(_hasher.hash, password)
    user = User(name, role, hashed, region, enterprise, made_at_ms=at_ms)
    try:
        await line.create(BUCKET, _user_key(name), msgspec.json.encode(user))
    except Conflict as error:
        raise AccountError(f"there is a user {name} already") from error
    return user


async def change_user(line: Line, name: str, *, password: str | None = None, disabled: bool | None = None) -> User:
    """Another password, or the account closed or opened again."""
    found = await line.get(BUCKET, _user_key(name)) if name_fault(name) is None else None
    if found is None:
        raise AccountError(f"there is no user {name}")
    user = msgspec.json.decode(found[0], type=User)
    if password is not None:
        _check(name, password)
        user = msgspec.structs.replace(user, password=await asyncio.to_thread(_hasher.hash, password))
    if disabled is not None:
        user = msgspec.structs.replace(user, disabled=disabled)
    await line.update(BUCKET, _user_key(name), msgspec.json.encode(user), found[1])
    return user


async def users(line: Line) -> list[User]:
    entries = await line.entries(BUCKET)
    found = [msgspec.json.decode(value, type=User) for key, value in entries.items() if key.startswith("user.")]
    return sorted(found, key=lambda user: user.name)


async def log_in(line: Line, name: str, password: str, *, now_ms: int) -> tuple[str, Person] | None:
    """A new session's secret and who it is; None where name or password is wrong, which takes as long as right ones."""
    user = await _user(line, name)
    right = await asyncio.to_thread(_verify, user.password if user else _NOBODY, password)
    if user is None or user.disabled or not right:
        return None
    secret = SESSION + secrets.token_urlsafe(32)
    session = Session(user.name, now_ms, now_ms + SESSION_MS)
    await line.put(BUCKET, f"session.{_hashed(secret)}", msgspec.json.encode(session))
    return secret, user.person()


async def log_out(line: Line, secret: str) -> None:
    await line.delete(BUCKET, f"session.{_hashed(secret)}")


async def create_token(line: Line, name: str, role: Role, *, region: str = "", enterprise: str = "", at_ms: int) -> str:
    """A new token's secret, which is kept nowhere else; several may carry one name."""
    fault = name_fault(name)
    if fault:
        raise AccountError(fault)
    secret = TOKEN + secrets.token_urlsafe(32)
    token = Token(name, role, region, enterprise, at_ms)
    await line.put(BUCKET, f"token.{_hashed(secret)}", msgspec.json.encode(token))
    return secret


async def revoke_tokens(line: Line, name: str) -> int:
    """Ends every token of a name; returns how many there were."""
    entries = await line.entries(BUCKET)
    mine = [
        key
        for key, value in entries.items()
        if key.startswith("token.") and msgspec.json.decode(value, type=Token).name == name
    ]
    for key in mine:
        await line.delete(BUCKET, key)
    return len(mine)


async def person(line: Line, secret: str, *, now_ms: int) -> Person | None:
    """Who a token's or a session's secret belongs to now; None where it is unknown, over, or its user is closed."""
    if secret.startswith(TOKEN):
        found = await line.get(BUCKET, f"token.{_hashed(secret)}")
        if found is None:
            return None
        token = msgspec.json.decode(found[0], type=Token)
        return Person(token.name, token.role, token.region, token.enterprise)
    if not secret.startswith(SESSION):
        return None
    found = await line.get(BUCKET, f"session.{_hashed(secret)}")
    if found is None:
        return None
    session = msgspec.json.decode(found[0], type=Session)
    if session.ends_at_ms <= now_ms:
        return None
    user = await _user(line, session.user)
    return user.person() if user and not user.disabled else None


async def forget_sessions(line: Line, *, now_ms: int) -> int:
    """Removes sessions that are over; returns how many."""
    entries = await line.entries(BUCKET)
    over = [
        key
        for key, value in entries.items()
        if key.startswith("session.") and msgspec.json.decode(value, type=Session).ends_at_ms <= now_ms
    ]
    for key in over:
        await line.delete(BUCKET, key)
    return len(over)


async def _user(line: Line, name: str) -> User | None:
    if name_fault(name):
        return None
    found = await line.get(BUCKET, _user_key(name))
    return msgspec.json.decode(found[0], type=User) if found else None


def _check(name: str, password: str) -> None:
    fault = name_fault(name)
    if fault:
        raise AccountError(fault)
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise AccountError(f"a password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters")


def _verify(hashed: str, password: str) -> bool:
    try:
        return len(password) <= MOST_PASSWORD and _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _user_key(name: str) -> str:
    return f"user.{name}"


def _hashed(secret: str) -> str:
    """A secret of 256 random bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
