"""The table of copies of objects."""

import sqlite3
from collections.abc import Iterable
from itertools import groupby
from typing import Final, TypeAlias

from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.copies import Copy, CopyState

_SELECT: Final = """
    SELECT c.object_id, storages.id, c.storage_path, c.state, c.created_ms, c.changed_ms, c.lease_until_ms
    FROM object_copies c CROSS JOIN storages ON storages.row = c.storage
"""
_OF_OBJECTS: Final = f"""
    {_SELECT} WHERE c.object_id IN (SELECT value FROM json_each(?)) ORDER BY c.object_id, storages.id
"""
# The second condition on the state is that of the partial index, which is not used without it.
_IDLE: Final = f"""
    {_SELECT} WHERE c.state = ? AND c.state <> 'stored' AND c.changed_ms <= ?
    ORDER BY c.changed_ms, c.object_id LIMIT ?
"""
_Row: TypeAlias = tuple[ObjectId, StorageId, str, str, int, int, int]
_ADD_STORAGE: Final = "INSERT INTO storages (id) VALUES (?) ON CONFLICT DO NOTHING"
_STORAGE: Final = "(SELECT row FROM storages WHERE id = ?)"
_PUT: Final = f"""
    INSERT OR REPLACE INTO object_copies
        (object_id, storage, storage_path, state, created_ms, changed_ms, lease_until_ms)
    VALUES (?, {_STORAGE}, ?, ?, ?, ?, ?)
"""
_REMOVE: Final = f"DELETE FROM object_copies WHERE object_id = ? AND storage = {_STORAGE}"


class SqliteCopies:
    """Copies by object and storage backend."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def of_objects(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, list[Copy]]:
        """The copies of each of these objects, in any state, by object; no entry for one without copies."""
        found = map(_copy, self._execute(_OF_OBJECTS, (ENCODE(list(object_ids)).decode(),)))
        return {object_id: list(copies) for object_id, copies in groupby(found, lambda one: one.object_id)}

    def put(self, copies: Iterable[Copy]) -> None:
        """Store copies, in place of those of the same objects on the same backends."""
        rows = list(copies)
        self._connection.executemany(_ADD_STORAGE, {(copy.storage_id,) for copy in rows})
        self._connection.executemany(_PUT, rows)

    def remove(self, copies: Iterable[Copy]) -> None:
        """Remove the records of copies."""
        self._connection.executemany(_REMOVE, [(copy.object_id, copy.storage_id) for copy in copies])

    def idle(self, state: CopyState, until_ms: int, limit: int) -> list[Copy]:
        """Up to `limit` copies that have been in the state since `until_ms` or before, oldest first."""
        return list(map(_copy, self._execute(_IDLE, (state, until_ms, limit))))


def _copy(row: _Row) -> Copy:
    return Copy(row[0], row[1], row[2], CopyState(row[3]), row[4], row[5], row[6])
