"""Attempts to a bounded number of entries in the line: the newest, and all that the database has not taken yet."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec
import structlog

from alerting.events import Event
from alerting.notifier import attempts, links
from alerting.notifier.attempts import Attempt, Kind
from line.log import Line, LineError

log = structlog.get_logger()

MOST_KEPT = 10_000  # while the database takes none: about 4 MB
RECORD_S = 1.0  # how long a record may take before the notice goes out without it


class Ledger:
    """Entries are used again, the oldest first: one that is deleted would leave a trace for ever."""

    def __init__(self, line: Line, held: dict[str, Attempt] | None = None) -> None:
        self._line = line
        ordered = sorted((held or {}).items(), key=lambda item: item[1].at)
        self._entries: OrderedDict[str, str] = OrderedDict((one.id, entry) for entry, one in ordered)
        self._kept = {one.id: one for _, one in ordered}
        self._copied_at = 0

    @classmethod
    async def open(cls, line: Line) -> Ledger:
        return cls(line, await attempts.held(line))

    def all(self) -> list[Attempt]:
        """The oldest first."""
        return [self._kept[id_] for id_ in self._entries]

    def get(self, id_: str) -> Attempt | None:
        return self._kept.get(id_)

    async def record(self, attempt: Attempt) -> None:
        """A line that does not answer holds no notice up: the attempt is then known here alone, and may be repeated."""
        if attempt.id not in self._entries:
            self._entries[attempt.id] = self._place()
        self._kept[attempt.id] = attempt
        try:
            async with asyncio.timeout(RECORD_S):
                await self._line.put(attempts.BUCKET, self._entries[attempt.id], attempts.encode(attempt))
        except (LineError, TimeoutError) as error:
            log.warning("an attempt is not written down", attempt=attempt.id, error=str(error))

    async def accept(self, ack: Event) -> None:
        """A contact who has answered by his link shows with what he was sent."""
        for attempt in [one for one in self._kept.values() if answers(ack, one)]:
            await self.record(
                msgspec.structs.replace(attempt, accepted=True, accepted_at=ack.at or ack.t, accepted_by=ack.user)
            )

    async def look(self) -> None:
        """How far the database has taken attempts over; asked only when entries run short."""
        if len(self._entries) < attempts.KEPT:
            return
        try:
            found = await self._line.get("positions", "notifications")
        except LineError as error:
            log.info("old attempts are kept for now", error=str(error))
            return
        self._copied_at = int(found[0]) if found else 0

    def _place(self) -> str:
        """A free entry, or that of the oldest attempt."""
        count = len(self._entries)
        if count >= attempts.KEPT:
            oldest = next(iter(self._entries))
            if self._kept[oldest].at < self._copied_at or count >= MOST_KEPT:
                del self._kept[oldest]
                return self._entries.pop(oldest)
        return f"{attempts.PREFIX}{count}"


def answers(ack: Event, attempt: Attempt) -> bool:
    """Whether an acknowledgement came from the reader of this attempt."""
    if ack.user != links.user_of(attempt.contact) or attempt.kind is Kind.RETURN:
        return False
    return attempt.alarm_id == ack.alarm_id or any(key.startswith(f"{ack.alarm_id}.") for key in attempt.covers)
