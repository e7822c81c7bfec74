"""The places of objects, in a database on disk, so that their number is not limited by memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

_SCHEMA: Final = """
    CREATE TABLE places (
        bucket TEXT NOT NULL, key TEXT NOT NULL, object_id TEXT NOT NULL, needed INTEGER NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
"""
# The same place may belong to several rows of objects that were loaded.
_ADD: Final = """
    INSERT INTO places VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET object_id = excluded.object_id, needed = max(needed, excluded.needed)
"""
_KEEP: Final = "UPDATE places SET needed = 1 WHERE bucket = ? AND key = ? AND needed = 2"


class Place(NamedTuple):
    """The place of an object: a bucket and a key. Its bytes are `needed` if segments use it."""

    bucket: str
    key: str
    object_id: str
    needed: bool


class Places:
    """A set of places. `open_places` makes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, places: Iterable[Place]) -> int:
        """Add places; returns their number."""
        before = self._connection.total_changes
        self._connection.executemany(_ADD, places)
        return self._connection.total_changes - before

    def take(self, bucket: str, key: str) -> bool:
        """Remove a place; True if it was there."""
        found = self._connection.execute("DELETE FROM places WHERE bucket = ? AND key = ?", (bucket, key))
        return found.rowcount > 0

    def needed(self) -> Iterator[Place]:
        """The places that are left and needed, in the order of their keys."""
        rows = self._connection.execute("SELECT * FROM places WHERE needed ORDER BY bucket, key")
        for bucket, key, object_id, _ in rows:
            yield Place(bucket, key, object_id, needed=True)

    def has_needed(self) -> bool:
        """True if needed places are left."""
        return self._connection.execute("SELECT 1 FROM places WHERE needed LIMIT 1").fetchone() is not None

    def keep(self, places: Iterable[Place]) -> None:
        """Remove all places that are not among the needed ones of `places`."""
        execute = self._connection.execute
        execute("UPDATE places SET needed = 2 * needed")
        rows = ((place.bucket, place.key) for place in places if place.needed)
        self._connection.executemany(_KEEP, rows)
        execute("DELETE FROM places WHERE needed <> 1")


@contextmanager
def open_places() -> Iterator[Places]:
    """An empty set of places in a temporary file, about 150 bytes for each place."""
    with TemporaryDirectory(prefix="tams-doctor-") as folder:
        connection = sqlite3.connect(Path(folder, "places.db"), isolation_level=None)
        with closing(connection):
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")
            yield Places(connection)
