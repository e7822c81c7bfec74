"""Rows without a value in a column of their key, so that no query finds them."""

from typing import Final

from services.metadata.adapters.vast.examination.duplicates import members_of
from services.metadata.adapters.vast.examination.segments.rows import start_of
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import IsNull
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

KIND: Final = "ROW_WITHOUT_KEY"
# Rows that one transaction mends.
_SLICE: Final = 1000
_KEYS: Final = {
    "sources": ("id",), "flows": ("id",), "timelines": ("timeline",), "objects": ("id",),
    "object_accesses": ("object_id",),
    "object_copies": ("object_id",),
    "tags": ("owner", "name", "value", "id"), "collections": ("flow_id",), "segments": ("flow", "start_ns"),
    "storage_backends": ("id",), "users": ("name",), "api_keys": ("id",), "webhooks": ("id",),
    "events": ("id",), "dead_letters": ("webhook_id",),
    "deletion_requests": ("id",), "trash_places": ("entry", "number"), "loads": ("id",),
    "load_keys": ("load", "number"), "locks": ("stripe",),
    "counters": ("name", "value"), "writers": ("id",), "audit": ("number",), "audit_new": ("id",),
}  # fmt: skip


def keyless_rows(cluster: Cluster) -> list[Inconsistency]:
    """A finding for each column of a key that has no value in some rows."""

    def look(transaction: Transaction) -> list[Inconsistency]:
        return [
            Inconsistency(KIND, table, column, f"no query finds the rows without {column}", mendable=True)
            for table, columns in _KEYS.items()
            for column in columns
            if transaction.select(table, (column,), IsNull(column), kind=Kind.SCAN, limit=1).num_rows
        ]

    return cluster.run(look, Kind.SCAN)


def mend_keyless(tables: VastTables, table: str, column: str) -> bool:
    """Give up to 1000 rows the key in their documents, or delete them; False if there were no such rows."""
    rows = tables.view.some(table, IsNull(column), _SLICE)
    for row in rows:
        key = _key_in_document(table, column, row)
        if key is not None and not tables.view.lookup(table, column, key):
            if column == "id":
                tables.view.lock(table, str(key))
            tables.view.insert(table, **{name: row[name] for name in row if name[0] != "$"} | {column: key})
    tables.view.delete(table, rows)
    return bool(rows)


def _key_in_document(table: str, column: str, row: Row) -> str | int | None:
    if (table, column) in (("sources", "id"), ("flows", "id")):
        key = (members_of(row["doc"]) or {}).get("id")
        return key if isinstance(key, str) else None
    if (table, column) == ("segments", "start_ns") and row["flow"] is not None:
        return start_of(row["doc"])
    return None
