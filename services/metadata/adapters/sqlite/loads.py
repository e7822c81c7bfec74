"""The tables of bulk loads."""

import sqlite3
from typing import Final

import msgspec

from services.metadata.domain.load import Load

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Load).decode
_PUT: Final = """
    INSERT INTO loads (id, changed_ms, body) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET changed_ms = excluded.changed_ms, body = excluded.body
"""
_PUT_KEYS: Final = """
    INSERT INTO load_keys (load, number, body) VALUES (?, ?, ?)
    ON CONFLICT (load, number) DO UPDATE SET body = excluded.body
"""


class SqliteLoads:
    """Bulk loads by id, and the keys of the rows that they inserted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def get(self, load_id: str) -> Load | None:
        """The load; None if it does not exist."""
        row = self._execute("SELECT body FROM loads WHERE id = ?", (load_id,)).fetchone()
        return _DECODE(row[0]) if row else None

    def put(self, load: Load) -> None:
        """Store or replace a load."""
        self._execute(_PUT, (load.id, load.changed_ms, _ENCODE(load)))

    def latest(self, limit: int) -> list[Load]:
        """Up to `limit` loads, the last changed first."""
        rows = self._execute("SELECT body FROM loads ORDER BY changed_ms DESC LIMIT ?", (limit,))
        return [_DECODE(body) for (body,) in rows]

    def put_keys(self, load_id: str, number: int, keys: bytes | None) -> None:
        """Store or replace the keys with the number; None deletes them."""
        if keys is None:
            self._execute("DELETE FROM load_keys WHERE load = ? AND number = ?", (load_id, number))
        else:
            self._execute(_PUT_KEYS, (load_id, number, keys))

    def last_keys(self, load_id: str) -> tuple[int, bytes] | None:
        """The highest number of the load's keys, and the keys with it; None if there are no keys."""
        row: tuple[int, bytes] | None = self._execute(
            "SELECT number, body FROM load_keys WHERE load = ? ORDER BY number DESC LIMIT 1", (load_id,)
        ).fetchone()
        return row

    def forget_keys(self, load_id: str) -> None:
        """Delete all keys of a load."""
        self._execute("DELETE FROM load_keys WHERE load = ?", (load_id,))

    def expire(self, before_ms: int) -> None:
        """Delete the loads, with their keys, that last changed before a time in milliseconds since 1970."""
        self._execute(
            "DELETE FROM load_keys WHERE load IN (SELECT id FROM loads WHERE changed_ms < ?)", (before_ms,)
        )
        self._execute("DELETE FROM loads WHERE changed_ms < ?", (before_ms,))
