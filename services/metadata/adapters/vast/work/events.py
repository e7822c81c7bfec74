"""The table of events, which is the outbox.

Ids ascend in the order of commits. Every transaction with events writes the row of the counter. So of two
transactions at the same time, one is refused and runs again after the other.
"""

from typing import Final

import msgspec

from services.metadata.adapters.vast.reading.view import View
from services.metadata.application.pages import take_until_full
from services.metadata.domain.webhooks.event import Event
from services.vast_client.filters.filters import And, AtLeast, AtMost, Below, Equal

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Event).decode
_COUNTER: Final = "events"


class VastEvents:
    """Events by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def append(self, event: Event) -> None:
        """Store an event with the next id."""
        row = self._view.row("counters", "name", _COUNTER)
        number = 1 + (row["value"] if row else 0)
        if row is None:
            self._view.lock("counters", _COUNTER)
            self._view.insert("counters", name=_COUNTER, value=number)
        else:
            self._view.update("counters", row, value=number)
        self._view.insert("events", id=number, body=_ENCODE(event))

    def last_id(self) -> int:
        """The highest id of an event so far; 0 before the first event."""
        rows = self._view.standing("counters", Equal("name", _COUNTER))
        return rows[0]["value"] if rows else 0

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; fewer if a page cannot hold more bytes."""
        # Not a standing query: a caller that got the signal of a commit must find its events.
        counter = self._view.row("counters", "name", _COUNTER)
        last, low, width = counter["value"] if counter else 0, event_id + 1, limit
        rows: list[tuple[int, bytes]] = []
        while low <= last and len(rows) < limit:
            where = And((AtLeast("id", low), Below("id", low + width)))
            rows += [(row["id"], row["body"]) for row in self._view.select("events", where)]
            low, width = low + width, width if rows else width * 8
        ordered = sorted(rows)[:limit]
        events = (msgspec.structs.replace(_DECODE(body), id=number) for number, body in ordered)
        return list(take_until_full(events, lambda event: event.weight))

    def has_up_to(self, event_id: int) -> bool:
        """True if there is an event up to the id."""
        return bool(self._view.standing("events", AtMost("id", event_id), ("id",), 1))

    def trim(self, event_id: int, limit: int) -> int:
        """Delete up to `limit` events up to the id; returns their number."""
        rows = self._view.some("events", AtMost("id", event_id), limit, ("id",))[:limit]
        self._view.delete("events", rows)
        return len(rows)
