"""The table of events, which is the outbox."""

import sqlite3
from typing import Final

import msgspec

from services.metadata.application.pages import take_until_full
from services.metadata.domain.webhooks.event import Event

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Event).decode


class SqliteEvents:
    """Events by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def append(self, event: Event) -> None:
        """Store an event with the next id."""
        self._execute("INSERT INTO events (body) VALUES (?)", (_ENCODE(event),))

    def last_id(self) -> int:
        """The highest id of an event so far; 0 before the first event."""
        row = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; fewer if a page cannot hold more bytes."""
        rows = self._execute(
            "SELECT id, body FROM events WHERE id > ? ORDER BY id LIMIT ?", (event_id, limit)
        )
        events = (msgspec.structs.replace(_DECODE(body), id=number) for number, body in rows)
        return list(take_until_full(events, lambda event: event.weight))

    def has_up_to(self, event_id: int) -> bool:
        """True if there is an event up to the id."""
        return self._execute("SELECT 1 FROM events WHERE id <= ? LIMIT 1", (event_id,)).fetchone() is not None

    def trim(self, event_id: int, limit: int) -> int:
        """Delete up to `limit` events up to the id; returns their number."""
        return self._execute(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)",
            (event_id, limit),
        ).rowcount
