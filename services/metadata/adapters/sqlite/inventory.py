"""Lists the places of all objects, for a comparison with object storage."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from services.metadata.adapters.inventory import ListedObject
from services.metadata.adapters.sqlite.file.connection import open_reader
from services.shared.errors import StartupError

__all__ = ["ListedObject", "list_objects"]

_LIST: Final = """
    SELECT o.id, storages.id, o.storage_path, o.state = 'registered', o.size
    FROM objects o CROSS JOIN storages ON storages.row = o.storage
    WHERE o.id > ? AND o.storage_path IS NOT NULL ORDER BY o.id LIMIT ?
"""
# Copies of a deleted object stay stored until their bytes are gone.
_COPIES: Final = """
    SELECT c.object_id, storages.id, c.storage_path, c.state = 'stored' AND o.state = 'registered', NULL,
        c.storage
    FROM object_copies c CROSS JOIN storages ON storages.row = c.storage
    LEFT JOIN objects o ON o.id = c.object_id
    WHERE (c.object_id, c.storage) > (?, ?) ORDER BY c.object_id, c.storage LIMIT ?
"""
_SLICE: Final = 10_000


def list_objects(database: Path) -> Iterator[ListedObject]:
    """All objects with a place in this store that are there all the while, and then all copies.

    StartupError if the database is unreadable.

    Each slice is a transaction: during a longer one SQLite's log would grow with each change.
    """
    after = ""
    try:
        with closing(open_reader(database)) as connection:
            while rows := connection.execute(_LIST, (after, _SLICE)).fetchall():
                after = rows[-1][0]
                for object_id, storage_id, path, is_registered, size in rows:
                    yield ListedObject(object_id, storage_id, path, bool(is_registered), size)
            yield from _copies(connection)
    except sqlite3.Error as error:
        raise StartupError(f"cannot read the database {database}: {error}") from None


def _copies(connection: sqlite3.Connection) -> Iterator[ListedObject]:
    object_id, storage = "", 0
    while rows := connection.execute(_COPIES, (object_id, storage, _SLICE)).fetchall():
        object_id, storage = rows[-1][0], rows[-1][5]
        for copied_id, storage_id, path, is_stored, size, _ in rows:
            yield ListedObject(copied_id, storage_id, path, bool(is_stored), size)
