"""All tables behind one connection."""

import sqlite3
from dataclasses import dataclass

from services.metadata.adapters.sqlite.deletions import SqliteDeletions
from services.metadata.adapters.sqlite.events import SqliteEvents
from services.metadata.adapters.sqlite.flows import SqliteFlows
from services.metadata.adapters.sqlite.loads import SqliteLoads
from services.metadata.adapters.sqlite.objects import SqliteObjects
from services.metadata.adapters.sqlite.segments import SqliteSegments
from services.metadata.adapters.sqlite.service_info import SqliteServiceInfo
from services.metadata.adapters.sqlite.sources import SqliteSources
from services.metadata.adapters.sqlite.webhooks import SqliteWebhooks


@dataclass(frozen=True, slots=True)
class SqliteTables:
    """All tables behind one connection."""

    sources: SqliteSources
    flows: SqliteFlows
    segments: SqliteSegments
    objects: SqliteObjects
    events: SqliteEvents
    webhooks: SqliteWebhooks
    deletions: SqliteDeletions
    service_info: SqliteServiceInfo
    loads: SqliteLoads

    @classmethod
    def on(cls, connection: sqlite3.Connection) -> "SqliteTables":
        """The tables behind a connection."""
        return cls(
            SqliteSources(connection),
            SqliteFlows(connection),
            SqliteSegments(connection),
            SqliteObjects(connection),
            SqliteEvents(connection),
            SqliteWebhooks(connection),
            SqliteDeletions(connection),
            SqliteServiceInfo(connection),
            SqliteLoads(connection),
        )
