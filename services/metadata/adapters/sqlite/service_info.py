"""The table with the name and description of the store."""

import sqlite3

from services.metadata.application.ports import ServiceInfo


class SqliteServiceInfo:
    """The name and description, in a single row."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def get(self) -> ServiceInfo:
        """The stored name and description; None for those that are not set."""
        row = self._execute("SELECT name, description FROM service_info").fetchone()
        return ServiceInfo(*row) if row else ServiceInfo()

    def put(self, info: ServiceInfo) -> None:
        """Store the name and description."""
        self._execute(
            "INSERT INTO service_info (row, name, description) VALUES (1, ?, ?)"
            " ON CONFLICT (row) DO UPDATE SET name = excluded.name, description = excluded.description",
            (info.name, info.description),
        )
