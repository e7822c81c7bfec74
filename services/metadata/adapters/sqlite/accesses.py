"""The table of accesses to objects."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from services.metadata.domain.documents.jsons import ENCODE

# Without the condition that is always true, ON would belong to the join.
_ADD: Final = """
    INSERT INTO object_accesses (object_id, urls, last_ms)
    SELECT o.id, value ->> 2, :now
    FROM json_each(:places) CROSS JOIN storages ON storages.id = value ->> 0
    CROSS JOIN objects o ON o.storage = storages.row AND o.storage_path = value ->> 1
    WHERE TRUE
    ON CONFLICT DO UPDATE SET urls = urls + excluded.urls, last_ms = max(last_ms, excluded.last_ms)
"""


class SqliteAccesses:
    """The URLs that were signed to read each object."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def add(self, urls: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add numbers of URLs to the objects at places: pairs of a storage id and a path."""
        places = ENCODE([(*place, number) for place, number in urls.items()]).decode()
        self._execute(_ADD, {"places": places, "now": now_ms})
