"""The table of deletion requests."""

import sqlite3
from typing import Final

import msgspec

from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.flows.flow import StoredFlow

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Deletion).decode
_PUT: Final = """
    INSERT INTO deletion_requests (id, status, created_ms, expiry_ms, created_by, body)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, expiry_ms = excluded.expiry_ms,
        body = excluded.body
"""
_MARK: Final = "INSERT OR IGNORE INTO deleting (flow, deletion) VALUES (?, ?)"
_UNMARK: Final = "DELETE FROM deleting WHERE flow = ? AND deletion = ?"
_OPEN: Final = "SELECT body FROM deletion_requests WHERE expiry_ms IS NULL"
_OPEN_FOR: Final = "SELECT deletion FROM deleting WHERE flow = ?"
_CLAIM: Final = """
    UPDATE deletion_requests SET lease_owner = :owner, lease_until_ms = :until WHERE id = (
        SELECT id FROM deletion_requests
        WHERE expiry_ms IS NULL AND (lease_owner = :owner OR lease_until_ms <= :now)
        ORDER BY created_ms LIMIT 1)
    RETURNING body
"""

_DUE: Final = """
    SELECT EXISTS (
        SELECT 1 FROM deletion_requests
        WHERE expiry_ms IS NULL AND (lease_owner = :owner OR lease_until_ms <= :now)
    ) OR EXISTS (SELECT 1 FROM deletion_requests WHERE expiry_ms <= :now)
"""


def mark_open(connection: sqlite3.Connection) -> None:
    """Mark the flows of all open requests, in a database of an older version without marks."""
    for (body,) in connection.execute(_OPEN).fetchall():
        deletion = _DECODE(body)
        if not deletion.delete_flow:
            connection.execute(_MARK, (deletion.timeline, deletion.id))


class SqliteDeletions:
    """Deletion requests by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def put(self, deletion: Deletion) -> None:
        """Store or replace a request."""
        self._execute(
            _PUT,
            (deletion.id, deletion.status, deletion.created_ms, deletion.expiry_ms, deletion.created_by,
             _ENCODE(deletion)),
        )  # fmt: skip
        if not deletion.delete_flow:
            is_open = deletion.expiry_ms is None
            self._execute(_MARK if is_open else _UNMARK, (deletion.timeline, deletion.id))

    def get(self, deletion_id: str) -> Deletion | None:
        """The request; None if it does not exist."""
        row = self._execute("SELECT body FROM deletion_requests WHERE id = ?", (deletion_id,)).fetchone()
        return _DECODE(row[0]) if row else None

    def open_for(self, flow: StoredFlow) -> list[Deletion]:
        """The open requests for segments of the flow."""
        ids = self._execute(_OPEN_FOR, (flow.timeline,)).fetchall()
        deletions = [self.get(deletion_id) for (deletion_id,) in ids]
        return [deletion for deletion in deletions if deletion is not None]

    def under_way(self) -> list[Deletion]:
        """All open requests, also those of deleted flows."""
        return [_DECODE(body) for (body,) in self._execute(_OPEN)]

    def latest(self, limit: int, created_by: str | None = None) -> list[Deletion]:
        """Up to `limit` requests, newest first; only those that one caller made if its name is given."""
        where, name = ("", ()) if created_by is None else ("WHERE created_by = ?", (created_by,))
        sql = f"SELECT body FROM deletion_requests {where} ORDER BY created_ms DESC LIMIT ?"
        return [_DECODE(body) for (body,) in self._execute(sql, (*name, limit))]

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` or `expire` would find a request."""
        (is_due,) = self._execute(_DUE, {"owner": owner, "now": now_ms}).fetchone()
        return bool(is_due)

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest open request that is free or leased to the owner; None without such a request."""
        row = self._execute(_CLAIM, {"owner": owner, "now": now_ms, "until": until_ms}).fetchone()
        return _DECODE(row[0]) if row else None

    def expire(self, now_ms: int) -> None:
        """Delete the records that have expired."""
        self._execute("DELETE FROM deletion_requests WHERE expiry_ms <= ?", (now_ms,))
