"""The outbox table.

Ids follow the order of commits: the counter is a row that every transaction with events writes, so of two
the second is refused and runs again after the first.
"""

from typing import Final

import msgspec

from services.metadata.adapters.vast.view import View
from services.metadata.application.pages import enough
from services.metadata.domain.event import Event
from services.shared.vast.filters import And, AtLeast, AtMost, Below

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Event).decode
_COUNTER: Final = "events"


class VastEvents:
    """Events by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def append(self, event: Event) -> None:
        """Store an event under the next id."""
        row = self._view.one("counters", "name", _COUNTER)
        number = 1 + (row["value"] if row else 0)
        if row is None:
            self._view.lock("counters", _COUNTER)
            self._view.insert("counters", name=_COUNTER, value=number)
        else:
            self._view.update("counters", row, value=number)
        self._view.insert("events", id=number, body=_ENCODE(event))

    def last_id(self) -> int:
        """The highest id given so far; 0 before the first."""
        row = self._view.one("counters", "name", _COUNTER)
        return row["value"] if row else 0

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; ends once no page holds more."""
        last, low, width = self.last_id(), event_id + 1, limit
        rows: list[tuple[int, bytes]] = []
        while low <= last and len(rows) < limit:
            where = And((AtLeast("id", low), Below("id", low + width)))
            rows += [(row["id"], row["body"]) for row in self._view.select("events", where)]
            low, width = low + width, width if rows else width * 8
        ordered = sorted(rows)[:limit]
        events = (msgspec.structs.replace(_DECODE(body), id=number) for number, body in ordered)
        return list(enough(events, lambda event: event.weight))

    def trim(self, through_id: int, limit: int) -> int:
        """Remove up to `limit` events up to an id; how many went."""
        rows = self._view.some("events", AtMost("id", through_id), limit, ("id",))[:limit]
        self._view.delete("events", rows)
        return len(rows)
