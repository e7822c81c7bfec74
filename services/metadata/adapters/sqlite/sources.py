"""The table of sources."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Final

from services.metadata.adapters.sqlite.flows.classes import Fields, having_classes, page_rows
from services.metadata.adapters.sqlite.flows.collections import SOURCE_COLLECTED_BY, SOURCE_COLLECTION, links
from services.metadata.adapters.sqlite.flows.filters import Where, text_with_prefix
from services.metadata.adapters.sqlite.flows.tags import drop_tags, put_tags
from services.metadata.application.pages import take_until_full
from services.metadata.application.ports import Link, SourceFilter
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.ids import SourceId
from services.metadata.domain.source import StoredSource

_COLUMNS: Final = f"r.id, r.format, r.doc, {SOURCE_COLLECTION}, {SOURCE_COLLECTED_BY}"
_GET: Final = f"SELECT {_COLUMNS} FROM sources r WHERE r.id = ?"


class SqliteSources:
    """Sources by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get(self, source_id: SourceId) -> StoredSource | None:
        """The source; None if it does not exist."""
        row = self._execute(_GET, (source_id,)).fetchone()
        return StoredSource._make(row) if row else None

    def page(self, criteria: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources that pass the filter and have an id above `after`, ascending by id."""
        rows = page_rows(
            self._connection, "source-class", criteria.classes, after, limit,
            select=partial(self._with_ids, criteria),
            query=lambda: self._above(criteria, after, limit),
            indexed=bool(criteria.tags or criteria.label is not None),
        )  # fmt: skip
        return list(take_until_full(map(StoredSource._make, rows), lambda source: source.weight))

    def _above(self, criteria: SourceFilter, after: str | None, limit: int) -> Iterator[Fields]:
        where = Where([], [])
        lead = where.tags("source", criteria.tags, criteria.tag_exists)
        where.equal((("r.label", criteria.label), ("r.format", criteria.format)))
        where.classes("source", criteria.classes)
        key = "lead.id" if criteria.tags else "r.id"
        where.add(f"{key} > ?", after or "")
        sql = f"SELECT {_COLUMNS} FROM {lead} WHERE {where} ORDER BY {key} LIMIT ?"
        return self._execute(sql, (*where.parameters, limit))

    def _with_ids(self, criteria: SourceFilter, ids: Sequence[str]) -> list[Fields]:
        where = Where([], [])
        lead = where.tags("source", criteria.tags, criteria.tag_exists, ids)
        where.equal((("r.label", criteria.label), ("r.format", criteria.format)))
        sql = f"SELECT {_COLUMNS} FROM {lead} WHERE {where}"
        return sorted(self._execute(sql, where.parameters), key=itemgetter(0))

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: Classes | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
        return text_with_prefix(self._connection, "source", tag, prefix, excluded, classes=classes)

    def having_classes(self, source_ids: Iterable[SourceId], classes: Classes) -> frozenset[SourceId]:
        """The sources, among these, that have one of the classes."""
        return having_classes(self._connection, "source-class", source_ids, classes)

    def links(self, pairs: Collection[tuple[SourceId, SourceId]], classes: Classes) -> frozenset[Link]:
        """The links between these pairs of sources, by flows with one of the classes."""
        return links(self._connection, pairs, classes)

    def insert(self, source_id: SourceId, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        self._execute(
            "INSERT INTO sources (id, format, doc) VALUES (?, ?, ?)", (source_id, format_urn, document)
        )

    def replace(self, source_id: SourceId, document: bytes, label: str | None, tags: TagChanges) -> None:
        """Replace the document and label of a source, and change its tags."""
        self._execute("UPDATE sources SET doc = ?, label = ? WHERE id = ?", (document, label, source_id))
        put_tags(self._connection, "source", source_id, tags)

    def delete(self, source_id: SourceId) -> None:
        """Delete a source and its tags."""
        self._execute("DELETE FROM sources WHERE id = ?", (source_id,))
        drop_tags(self._connection, "source", source_id)

    def has_flows(self, source_id: SourceId) -> bool:
        """True if a flow of the source exists."""
        return bool(self._execute("SELECT 1 FROM flows WHERE source_id = ? LIMIT 1", (source_id,)).fetchone())
