"""A notice to somebody's provider: through Apprise, or as a signed webhook of our own; each in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import httpx2
import structlog
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from standardwebhooks import Webhook

log = structlog.get_logger()

TIMEOUT_S = 15.0  # for one notice, everything included
MOST_STUCK = 8  # threads that a hanging provider may keep; after that its notices fail at once, and are tried again
OWN = {"webhook": "http", "webhooks": "https"}
TAKES_HEADERS = {"json", "jsons", "form", "forms", "xml", "xmls"}  # Apprise passes `+Name=value` on as a header
SHORTEST_SECRET = 5
KINDS = {1: NotifyType.FAILURE, 2: NotifyType.WARNING}


class Notice(NamedTuple):
    """What is sent; `key` is the same for every attempt at the same notice, for providers that drop repeats."""

    key: str
    title: str
    body: str
    priority: int
    is_return: bool = False


class ChannelError(Exception):
    """The provider did not take the notice; the message holds no secret of the channel."""


_stuck: Counter[str] = Counter()  # threads under way, by channel


async def send(channel: str, notice: Notice, *, timeout_s: float = TIMEOUT_S) -> None:
    """Returns once the provider has taken it; ChannelError where it did not, or not in time."""
    if _stuck[channel] >= MOST_STUCK:
        raise ChannelError(f"{_stuck[channel]} notices hang at {shown(channel)} already")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()
    _stuck[channel] += 1

    def settle(error: ChannelError | None) -> None:
        _stuck[channel] -= 1
        if answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def work() -> None:
        error = None
        try:
            _hand_over(channel, notice, timeout_s)
        except ChannelError as refused:
            error = refused
        except Exception as failure:  # of any of 170 providers' code: it must not end the thread in silence
            error = ChannelError(scrubbed(f"{type(failure).__name__}: {failure}", channel))
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:  # the role has ended meanwhile: the attempt stays without an outcome, and is repeated
            log.info("a notice was handed over after the end", channel=shown(channel))

    # A daemon: a provider that hangs must not keep the role from ending.
    threading.Thread(target=work, daemon=True, name=f"notice {shown(channel)}").start()
    try:
        async with asyncio.timeout(timeout_s):
            await answer
    except TimeoutError:
        raise ChannelError(f"no answer in {timeout_s:g} s") from None


def shown(channel: str) -> str:
    """A channel without its secrets: scheme and host. Where the host itself is a token, the scheme alone."""
    parts = urlsplit(channel)
    host = parts.hostname or ""
    is_host = "." in host or host == "localhost"
    return f"{parts.scheme}://{host}" if is_host else f"{parts.scheme}://"


def scrubbed(text: str, channel: str) -> str:
    """A provider's words without anything of the channel that may be a secret."""
    parts = urlsplit(channel)
    words = [parts.username, parts.password, *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    if shown(channel).endswith("://"):
        words.append(parts.netloc.rpartition("@")[2])
    for word in words:
        for form in {word or "", unquote(word or ""), quote(word or "", safe="")}:
            if len(form) >= SHORTEST_SECRET:
                text = text.replace(form, "***")
    return text


def warm() -> None:
    """Loads Apprise's providers, which takes a second that the first notice does not have."""
    logging.getLogger("apprise").propagate = False  # its lines may hold secrets; what went wrong we say ourselves
    Apprise().add("json://127.0.0.1/")


def _hand_over(channel: str, notice: Notice, timeout_s: float) -> None:
    if urlsplit(channel).scheme in OWN:
        _webhook(channel, notice, timeout_s)
    else:
        _apprise(channel, notice, timeout_s)


def _apprise(channel: str, notice: Notice, timeout_s: float) -> None:
    asset = AppriseAsset(app_id="Hazardwatch", app_desc="Hazardwatch", app_url="", image_url_mask="")
    sender = Apprise(asset=asset)  # a new one each time: a used one sleeps between two sends
    if not sender.add(with_key(channel, notice.key)):
        raise ChannelError("this is no channel that Apprise knows")
    kind = (
        NotifyType.FAILURE if notice.priority == 1 else NotifyType.WARNING if notice.priority == 2 else NotifyType.INFO
    )
    result = sender.notify(
        body=notice.body,
        title=notice.title,
        notify_type=NotifyType.SUCCESS if notice.is_return else kind,
        body_format=NotifyFormat.TEXT,
        timeout=timeout_s,
    )
    if not result:
        said = "; ".join(dict.fromkeys(entry.message for one in result for entry in one.logs()))
        raise ChannelError(scrubbed(said, channel) or f"not sent: {result.status.name.lower()}")


def with_key(channel: str, key: str) -> str:
    """The channel with the notice's key as a header, where it can carry one: so its end can drop a repeat."""
    parts = urlsplit(channel)
    if parts.scheme not in TAKES_HEADERS:
        return channel
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}+Idempotency-Key={quote(key, safe='')}"))


def _webhook(channel: str, notice: Notice, timeout_s: float) -> None:
    """JSON over HTTP, signed as Standard Webhooks says: id, time and content, with the `secret` of the channel."""
    parts = urlsplit(channel)
    query = parse_qsl(parts.query)
    secret = next((value for name, value in query if name == "secret"), "")
    rest = urlencode([(name, value) for name, value in query if name != "secret"])
    url = urlunsplit((OWN[parts.scheme], parts.netloc, parts.path or "/", rest, ""))
    content = json.dumps(
        {
            "type": "alarm.returned" if notice.is_return else "alarm.raised",
            "key": notice.key,
            "priority": notice.priority,
            "title": notice.title,
            "body": notice.body,
        },
        ensure_ascii=False,
    )
    now = datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": notice.key,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if secret:
        headers["webhook-signature"] = Webhook(secret).sign(notice.key, now, content)
    answer = httpx2.post(url, content=content.encode(), headers=headers, timeout=timeout_s)
    if not answer.is_success:
        raise ChannelError(f"the webhook answered {answer.status_code}")
