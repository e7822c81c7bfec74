"""All tables on one connection."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from services.metadata.adapters.sqlite.accesses import SqliteAccesses
from services.metadata.adapters.sqlite.accounts import SqliteApiKeys, SqliteUsers
from services.metadata.adapters.sqlite.audit import SqliteAudit
from services.metadata.adapters.sqlite.copies import SqliteCopies
from services.metadata.adapters.sqlite.deletion_requests import SqliteDeletions
from services.metadata.adapters.sqlite.events import SqliteEvents
from services.metadata.adapters.sqlite.flows.flows import SqliteFlows
from services.metadata.adapters.sqlite.loads import SqliteLoads
from services.metadata.adapters.sqlite.objects import SqliteObjects
from services.metadata.adapters.sqlite.segments.segments import SqliteSegments
from services.metadata.adapters.sqlite.service_info import SqliteServiceInfo
from services.metadata.adapters.sqlite.sources import SqliteSources
from services.metadata.adapters.sqlite.storage_backends import SqliteStorageBackends
from services.metadata.adapters.sqlite.trash import SqliteTrash
from services.metadata.adapters.sqlite.webhooks import SqliteWebhooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SqliteTables:
    """All tables on one connection."""

    sources: SqliteSources
    flows: SqliteFlows
    segments: SqliteSegments
    objects: SqliteObjects
    accesses: SqliteAccesses
    copies: SqliteCopies
    events: SqliteEvents
    webhooks: SqliteWebhooks
    deletions: SqliteDeletions
    trash: SqliteTrash
    service_info: SqliteServiceInfo
    loads: SqliteLoads
    storage_backends: SqliteStorageBackends
    audit: SqliteAudit
    users: SqliteUsers
    api_keys: SqliteApiKeys
    connection: sqlite3.Connection

    def savepoint(self, change: Callable[[], T]) -> T:
        """The result of `change`, a part of the transaction. If it raises, only its writes are undone."""
        execute = self.connection.execute
        execute("SAVEPOINT part")
        try:
            result = change()
        except BaseException:
            # SQLite may have rolled back the whole transaction, as it does on a full disk.
            if self.connection.in_transaction:
                execute("ROLLBACK TO part")
                execute("RELEASE part")
            raise
        execute("RELEASE part")
        return result

    @classmethod
    def on(cls, connection: sqlite3.Connection) -> "SqliteTables":
        """The tables on the connection."""
        return cls(
            SqliteSources(connection),
            SqliteFlows(connection),
            SqliteSegments(connection),
            SqliteObjects(connection),
            SqliteAccesses(connection),
            SqliteCopies(connection),
            SqliteEvents(connection),
            SqliteWebhooks(connection),
            SqliteDeletions(connection),
            SqliteTrash(connection),
            SqliteServiceInfo(connection),
            SqliteLoads(connection),
            SqliteStorageBackends(connection),
            SqliteAudit(connection),
            SqliteUsers(connection),
            SqliteApiKeys(connection),
            connection,
        )
