"""The table of sources."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from services.metadata.adapters.sqlite.filters import Where
from services.metadata.adapters.sqlite.tags import put_tags
from services.metadata.application.pages import enough
from services.metadata.application.ports import SourceFilter
from services.metadata.domain.source import StoredSource

_COLUMNS: Final = "r.id, r.format, r.doc, r.source_collection, r.collected_by"
_GET: Final = f"SELECT {_COLUMNS} FROM sources r WHERE r.id = ?"


class SqliteSources:
    """Sources by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get(self, source_id: str) -> StoredSource | None:
        """One source."""
        row = self._execute(_GET, (source_id,)).fetchone()
        return StoredSource._make(row) if row else None

    def page(self, wanted: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources with an id above `after`, ascending; ends once no page holds more."""
        where = Where([], [])
        lead = where.tags("source", wanted.tags, wanted.tag_exists)
        where.equal((("r.label", wanted.label), ("r.format", wanted.format)))
        key = "lead.id" if wanted.tags else "r.id"
        where.add(f"{key} > ?", after or "")
        sql = f"SELECT {_COLUMNS} FROM {lead} WHERE {where} ORDER BY {key} LIMIT ?"
        rows = map(StoredSource._make, self._execute(sql, (*where.parameters, limit)))
        return list(enough(rows, lambda source: source.weight))

    def insert(self, source_id: str, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        self._execute(
            "INSERT INTO sources (id, format, doc) VALUES (?, ?, ?)", (source_id, format_urn, document)
        )

    def replace(self, source_id: str, document: bytes, label: str | None, tags: Mapping[str, str]) -> None:
        """Store a changed source."""
        self._execute("UPDATE sources SET doc = ?, label = ? WHERE id = ?", (document, label, source_id))
        put_tags(self._connection, "source", source_id, tags)

    def delete(self, source_id: str) -> None:
        """Remove a source and its tags."""
        self._execute("DELETE FROM sources WHERE id = ?", (source_id,))
        put_tags(self._connection, "source", source_id, {})

    def has_flows(self, source_id: str) -> bool:
        """Whether any flow renders the source."""
        return bool(self._execute("SELECT 1 FROM flows WHERE source_id = ? LIMIT 1", (source_id,)).fetchone())
