"""The table of storage backends."""

import sqlite3
from collections.abc import Mapping

from services.metadata.domain.ids import StorageId


class SqliteStorageBackends:
    """The labels of storage backends, by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> dict[StorageId, str]:
        """The labels of the backends, by id."""
        return dict(self._connection.execute("SELECT id, label FROM storage_backends").fetchall())

    def replace(self, labels: Mapping[StorageId, str]) -> None:
        """Store these backends, and no others."""
        self._connection.execute("DELETE FROM storage_backends")
        insert = "INSERT INTO storage_backends (id, label) VALUES (?, ?)"
        self._connection.executemany(insert, labels.items())
