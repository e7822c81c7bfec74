"""The table of the trash."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Final

import msgspec
from msgspec.structs import replace

from services.metadata.adapters.sqlite.flows.classes import (
    Fields,
    class_condition,
    page_rows,
    put_classes,
)
from services.metadata.adapters.sqlite.flows.filters import Where
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.trash import Kind, Trashed

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Trashed).decode
_PUT: Final = """
    INSERT INTO trash
        (id, operation, number, kind, flow_id, source_id, timeline, deleted_ms, purge_ms, body,
        flow_doc, source_doc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET purge_ms = excluded.purge_ms, body = excluded.body
"""
_ORDER: Final = "ORDER BY deleted_ms, number"
_DUE: Final = "purge_ms <= :now AND (lease_owner = :owner OR lease_until_ms <= :now)"
_CLAIM: Final = f"""
    UPDATE trash SET lease_owner = :owner, lease_until_ms = :until
    WHERE id = (SELECT id FROM trash WHERE {_DUE} ORDER BY purge_ms LIMIT 1)
    RETURNING body
"""
_DROP_STATISTICS: Final = """
    DELETE FROM flow_stats WHERE flow = :row AND NOT EXISTS (SELECT 1 FROM flows WHERE row = :row)
"""


class SqliteTrash:
    """Entries of the trash by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def put(self, entry: Trashed) -> None:
        """Store or replace an entry."""
        body = _ENCODE(replace(entry, document=b"", source_document=None))
        self._execute(
            _PUT,
            (entry.id, entry.operation, entry.number, entry.kind, entry.flow_id, entry.source_id,
             entry.timeline, entry.deleted_ms, entry.purge_ms, body, entry.document,
             entry.source_document),
        )  # fmt: skip
        put_classes(self._connection, "trash-class", entry.id, entry.classes)

    def get(self, entry_id: str) -> Trashed | None:
        """The entry; None if it does not exist."""
        return next(iter(self._entries("id = ?", entry_id)), None)

    def delete(self, entry: Trashed) -> None:
        """Remove an entry. Its segments are restored or purged."""
        self._execute("DELETE FROM trash WHERE id = ?", (entry.id,))
        put_classes(self._connection, "trash-class", entry.id, ())
        self._execute(_DROP_STATISTICS, {"row": entry.timeline})

    def page(
        self,
        flow_id: str | None,
        source_id: str | None,
        after: str | None,
        limit: int,
        classes: Classes | None = None,
    ) -> list[Trashed]:
        """Up to `limit` entries with ids above `after`, ascending; those of a flow and source if given.

        They have no documents, and none is of the kind RESTORED.
        """
        indexed = flow_id is not None or source_id is not None
        rows = page_rows(
            self._connection, "trash-class", classes, after, limit,
            select=partial(self._with_ids, flow_id, source_id),
            query=lambda: self._above((flow_id, source_id), after, limit, classes), indexed=indexed,
        )  # fmt: skip
        return [_DECODE(body) for _, body in rows]

    def _above(
        self, wanted: tuple[str | None, str | None], after: str | None, limit: int, classes: Classes | None
    ) -> Iterable[Fields]:
        where = Where([], [])
        where.add("r.id > ? AND r.kind <> ?", after or "", Kind.RESTORED)
        where.equal(zip(("r.flow_id", "r.source_id"), wanted, strict=True))
        if classes is not None:
            where.add(class_condition(classes), "trash-class", *sorted(classes))
        sql = f"SELECT r.id, r.body FROM trash r WHERE {where} ORDER BY r.id LIMIT ?"
        return self._execute(sql, (*where.parameters, limit))

    def _with_ids(self, flow_id: str | None, source_id: str | None, ids: Sequence[str]) -> list[Fields]:
        where = Where([], [])
        where.add("r.kind <> ?", Kind.RESTORED)
        where.equal((("r.flow_id", flow_id), ("r.source_id", source_id)))
        lead = "json_each(?) lead CROSS JOIN trash r ON r.id = lead.value"
        rows = self._execute(
            f"SELECT r.id, r.body FROM {lead} WHERE {where}", (json.dumps(ids), *where.parameters)
        )
        return sorted(rows, key=itemgetter(0))

    def of_flows(self, flow_ids: Iterable[FlowId], kind: Kind) -> list[Trashed]:
        """The entries of a kind for these flows, in the order of their deletion."""
        ids = ENCODE(list(flow_ids)).decode()
        return self._entries(f"flow_id IN (SELECT value FROM json_each(?)) AND kind = ? {_ORDER}", ids, kind)

    def of_source(self, source_id: SourceId) -> list[Trashed]:
        """The deleted flows of a source, in the order of their deletion."""
        return self._entries(f"source_id = ? AND kind = ? {_ORDER}", source_id, Kind.FLOW)

    def of_operation(self, operation: str) -> list[Trashed]:
        """The entries of an operation, in the order of their deletion."""
        return self._entries(f"operation = ? {_ORDER}", operation)

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` would find an entry."""
        sql = f"SELECT EXISTS (SELECT 1 FROM trash WHERE {_DUE})"
        (is_due,) = self._execute(sql, {"owner": owner, "now": now_ms}).fetchone()
        return bool(is_due)

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Trashed | None:
        """Lease an entry to purge that is free or leased to the owner; None without such an entry."""
        row = self._execute(_CLAIM, {"owner": owner, "now": now_ms, "until": until_ms}).fetchone()
        return _DECODE(row[0]) if row else None

    def _entries(self, where: str, *parameters: str | int) -> list[Trashed]:
        rows = self._execute(f"SELECT body, flow_doc, source_doc FROM trash WHERE {where}", parameters)
        return [
            replace(_DECODE(body), document=document, source_document=source_document)
            for body, document, source_document in rows
        ]
