"""The table of accesses to objects."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from services.metadata.domain.documents.jsons import ENCODE

_PLACES: Final = "json_each(:places) CROSS JOIN storages ON storages.id = value ->> 0"
# Without the condition that is always true, ON would belong to the join.
_ADD: Final = f"""
    INSERT INTO object_accesses (object_id, urls, last_ms)
    SELECT o.id, value ->> 2, :now
    FROM {_PLACES} CROSS JOIN objects o ON o.storage = storages.row AND o.storage_path = value ->> 1
    UNION ALL
    SELECT c.object_id, value ->> 2, :now
    FROM {_PLACES} CROSS JOIN object_copies c ON c.storage = storages.row AND c.storage_path = value ->> 1
    WHERE TRUE
    ON CONFLICT DO UPDATE SET urls = urls + excluded.urls, last_ms = max(last_ms, excluded.last_ms)
"""


class SqliteAccesses:
    """The URLs that were signed to read each object."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def add(self, urls: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add numbers of URLs to the objects, or those of copies, at pairs of a storage id and a path."""
        places = ENCODE([(*place, number) for place, number in urls.items()]).decode()
        self._execute(_ADD, {"places": places, "now": now_ms})
