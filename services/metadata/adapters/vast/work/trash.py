"""The tables of the trash: its entries, and the places that their flows had in collections."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from services.metadata.adapters.vast.classes import add_classes, clear_classes, having_classes
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.trash import Kind, Membership, Trashed
from services.vast_client.filters.filters import EVERYTHING, Above, And, AtMost, Equal, Filter, In, Not

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Trashed).decode
_DECODE_PLACES: Final = msgspec.msgpack.Decoder(tuple[Membership, ...]).decode
_TABLE: Final = "trash"
_OWNER: Final = "trash-class"
_PLACES: Final = "trash_places"
# Bytes of places in one row, unless a single one has more. One is a part of a document, so a cell holds it.
_ROW_BYTES: Final = 64 * 1024
# Bytes of a place besides those of its item.
_OVERHEAD: Final = 100
_LEASED: Final = ("id", "purge_ms", "lease_owner", "lease_until_ms")
# Entries that `due` reads, and entries to purge that `claim` chooses from.
_MOST: Final = 1000


class VastTrash:
    """Entries of the trash by id. Documents and places have their own cells, because they may fill them."""

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, entry: Trashed) -> None:
        """Store or replace an entry. Two transactions that do so conflict."""
        known = self._view.row(_TABLE, "id", entry.id)
        body = _ENCODE(replace(entry, document=b"", source_document=None, memberships=()))
        if known is not None:
            self._view.update(_TABLE, known, purge_ms=entry.purge_ms, body=body)
            return
        values: Values = {
            "id": entry.id, "operation": entry.operation, "number": entry.number, "kind": str(entry.kind),
            "flow_id": entry.flow_id, "source_id": entry.source_id, "timeline": entry.timeline,
            "deleted_ms": entry.deleted_ms, "purge_ms": entry.purge_ms, "body": body,
            "flow_doc": entry.document, "source_doc": entry.source_document,
        }  # fmt: skip
        self._view.insert(_TABLE, lease_owner="", lease_until_ms=0, **values)
        add_classes(self._view, _OWNER, entry.id, entry.classes)
        parts = enumerate(_parts(entry.memberships))
        self._view.insert_all(
            _PLACES, ({"entry": entry.id, "number": number, "body": _ENCODE(part)} for number, part in parts)
        )

    def get(self, entry_id: str) -> Trashed | None:
        """The entry; None if it does not exist."""
        row = self._view.row(_TABLE, "id", entry_id)
        if row is None:
            return None
        entry = _entry(row)
        rows = sorted(self._view.lookup(_PLACES, "entry", entry_id), key=lambda place: int(place["number"]))
        places = (place for row in rows for place in _DECODE_PLACES(row["body"]))
        # An earlier version stored them in the body.
        return replace(entry, memberships=(*entry.memberships, *places))

    def delete(self, entry: Trashed) -> None:
        """Remove an entry. Its segments are restored or purged."""
        self._view.delete(_TABLE, self._view.lookup(_TABLE, "id", entry.id))
        if entry.classes:
            clear_classes(self._view, _OWNER, entry.id)
        self._view.delete(_PLACES, self._view.lookup(_PLACES, "entry", entry.id))

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
        wanted = {"flow_id": flow_id, "source_id": source_id}
        given = [Equal(name, value) for name, value in wanted.items() if value is not None]
        where = And((Above("id", after or ""), Not(Equal("kind", str(Kind.RESTORED))), *given))
        rows = self._view.select(_TABLE, where, ("id", "kind", "flow_id", "source_id"))
        every_id = {row["id"] for row in rows}
        seen = every_id if classes is None else having_classes(self._view, _OWNER, every_id, classes)
        ids = sorted(seen)[:limit]
        found = self._view.lookups(_TABLE, "id", ids, ("id", "body"))
        return [_DECODE(rows[0]["body"]) for rows in found.values() if rows]

    def of_flows(self, flow_ids: Iterable[FlowId], kind: Kind) -> list[Trashed]:
        """The entries of a kind for these flows, in the order of their deletion."""
        ids = tuple(sorted(set(flow_ids)))
        return self._entries(And((In("flow_id", ids), Equal("kind", str(kind))))) if ids else []

    def of_source(self, source_id: SourceId) -> list[Trashed]:
        """The deleted flows of a source, in the order of their deletion."""
        return self._entries(And((Equal("source_id", source_id), Equal("kind", str(Kind.FLOW)))))

    def of_operation(self, operation: str) -> list[Trashed]:
        """The entries of an operation, in the order of their deletion."""
        return self._entries(Equal("operation", operation))

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` would find an entry."""
        rows = self._view.standing(_TABLE, EVERYTHING, _LEASED, _MOST)
        return len(rows) >= _MOST or any(_is_free(row, owner, now_ms) for row in rows)

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Trashed | None:
        """Lease an entry to purge that is free or leased to the owner; None without such an entry."""
        rows = self._view.some(_TABLE, AtMost("purge_ms", now_ms), _MOST, _LEASED)
        free = [row for row in rows if _is_free(row, owner, now_ms)]
        if not free:
            return None
        oldest = min(free, key=lambda row: int(row["purge_ms"]))
        self._view.update(_TABLE, oldest, lease_owner=owner, lease_until_ms=until_ms)
        return self.get(oldest["id"])

    def _entries(self, where: Filter) -> list[Trashed]:
        rows = self._view.select(_TABLE, where)
        return [_entry(row) for row in sorted(rows, key=lambda row: (row["deleted_ms"], row["number"]))]


def _parts(places: Iterable[Membership]) -> Iterator[list[Membership]]:
    """The places in parts, each for one row."""
    part: list[Membership] = []
    size = 0
    for place in places:
        weight = len(place.item) + _OVERHEAD
        if part and size + weight > _ROW_BYTES:
            yield part
            part, size = [], 0
        part.append(place)
        size += weight
    if part:
        yield part


def _is_free(row: Row, owner: str, now_ms: int) -> bool:
    is_leased = row["lease_owner"] != owner and row["lease_until_ms"] > now_ms
    return bool(row["purge_ms"] <= now_ms and not is_leased)


def _entry(row: Row) -> Trashed:
    documents = {"document": row["flow_doc"] or b"", "source_document": row["source_doc"]}
    return replace(_DECODE(row["body"]), **documents)
