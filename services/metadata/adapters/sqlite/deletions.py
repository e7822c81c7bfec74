"""The table of deletion requests."""

import sqlite3
from typing import Final

import msgspec

from services.metadata.domain.deletion import Deletion

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Deletion).decode
_PUT: Final = """
    INSERT INTO deletion_requests (id, status, created_ms, expiry_ms, body) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, expiry_ms = excluded.expiry_ms,
        body = excluded.body
"""
_CLAIM: Final = """
    UPDATE deletion_requests SET lease_owner = :owner, lease_until_ms = :until WHERE id = (
        SELECT id FROM deletion_requests
        WHERE expiry_ms IS NULL AND (lease_owner = :owner OR lease_until_ms <= :now)
        ORDER BY created_ms LIMIT 1)
    RETURNING body
"""


class SqliteDeletions:
    """Deletion requests by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def put(self, deletion: Deletion) -> None:
        """Store a request in place of what was there."""
        self._execute(
            _PUT,
            (deletion.id, deletion.status, deletion.created_ms, deletion.expiry_ms, _ENCODE(deletion)),
        )

    def get(self, deletion_id: str) -> Deletion | None:
        """One request."""
        row = self._execute("SELECT body FROM deletion_requests WHERE id = ?", (deletion_id,)).fetchone()
        return _DECODE(row[0]) if row else None

    def latest(self, limit: int) -> list[Deletion]:
        """Up to `limit` requests, newest first."""
        rows = self._execute("SELECT body FROM deletion_requests ORDER BY created_ms DESC LIMIT ?", (limit,))
        return [_DECODE(body) for (body,) in rows]

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest unfinished request that nobody works on, or that the owner already has."""
        row = self._execute(_CLAIM, {"owner": owner, "now": now_ms, "until": until_ms}).fetchone()
        return _DECODE(row[0]) if row else None

    def expire(self, now_ms: int) -> None:
        """Remove the records whose time has come."""
        self._execute("DELETE FROM deletion_requests WHERE expiry_ms <= ?", (now_ms,))
