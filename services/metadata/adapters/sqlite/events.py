"""The outbox table."""

import sqlite3
from typing import Final

import msgspec

from services.metadata.application.pages import enough
from services.metadata.domain.event import Event

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Event).decode


class SqliteEvents:
    """Events by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def append(self, event: Event) -> None:
        """Store an event under the next id."""
        self._execute("INSERT INTO events (body) VALUES (?)", (_ENCODE(event),))

    def last_id(self) -> int:
        """The highest id given so far; 0 before the first."""
        row = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending; ends once no page holds more."""
        rows = self._execute(
            "SELECT id, body FROM events WHERE id > ? ORDER BY id LIMIT ?", (event_id, limit)
        )
        events = (msgspec.structs.replace(_DECODE(body), id=number) for number, body in rows)
        return list(enough(events, lambda event: event.weight))

    def trim(self, through_id: int, limit: int) -> int:
        """Remove up to `limit` events up to an id; how many went."""
        return self._execute(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)",
            (through_id, limit),
        ).rowcount
