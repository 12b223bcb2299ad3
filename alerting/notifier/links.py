"""An alarm and its reader to a signed link that accepts it, and back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

import msgspec

from line.log import Conflict, Line, Unavailable

BUCKET, KEY = "notices", "secret"
VALID_MS = 24 * 3_600_000
SECRET_BYTES = 32
SIGNATURE_BYTES = 16  # 128 bits: short enough for a text message, far beyond guessing


class BadLink(Exception):  # noqa: N818  read as a sentence: except BadLink
    """The link was not made by us, or is too old."""


class Expired(BadLink):
    """The link is too old; the alarm is to be found on the screen."""


class Link(msgspec.Struct, frozen=True, array_like=True):
    """Who may accept what until when: `expires` is Unix milliseconds. It names the occurrence, so it works once."""

    alarm_id: str
    occ: int | None
    enterprise: str
    tag: str
    alarm: str
    contact: str
    expires: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Link).decode


def user_of(contact: str) -> str:
    """As whom a contact acknowledges by his link: a user's name has no brackets, so nobody is taken for another."""
    return f"{contact} (notice)"


def sign(link: Link, secret: bytes) -> str:
    """The token behind `/n/`."""
    body = _encode(link)
    return f"{_text(body)}.{_text(_signature(body, secret))}"


def verify(token: str, secret: bytes, now_ms: int) -> Link:
    """What a token stands for; BadLink where it was changed, Expired where it is too old."""
    body_text, _, signature_text = token.partition(".")
    try:
        body, signature = _bytes(body_text), _bytes(signature_text)
    except (binascii.Error, ValueError) as error:
        raise BadLink("this is no link of ours") from error
    if not hmac.compare_digest(signature, _signature(body, secret)):
        raise BadLink("this is no link of ours")
    try:
        link = _decode(body)
    except msgspec.DecodeError as error:
        raise BadLink("this link is of another release") from error
    if now_ms > link.expires:
        raise Expired("this link is too old")
    return link


async def secret(line: Line) -> bytes:
    """What links are signed with; made by whoever asks first."""
    for _ in range(2):
        found = await line.get(BUCKET, KEY)
        if found is not None:
            return found[0]
        made = secrets.token_bytes(SECRET_BYTES)
        try:
            await line.create(BUCKET, KEY, made)
        except Conflict:
            continue
        return made
    raise Unavailable("the secret of links cannot be read")


def _signature(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, hashlib.sha256)[:SIGNATURE_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
