"""Sending what a transaction wrote: for each table one request a kind of write."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from services.metadata.adapters.vast.changes import Changes, TableChanges
from services.metadata.adapters.vast.queries import ROW_ID, Row
from services.metadata.adapters.vast.schema import TABLES
from services.shared.vast.catalog import Catalog
from services.shared.vast.transaction import Transaction


def flush(transaction: Transaction, changes: Changes, catalog: Catalog) -> None:
    """Send the writes; Clash when another transaction was first at a row."""
    for table, of_table in changes.tables.items():
        # Updates first: they are what collides, so a lost race costs least.
        _update(transaction, table, of_table, catalog)
        if of_table.deleted:
            transaction.delete(table, list(of_table.deleted))
    for table, of_table in changes.tables.items():
        if of_table.inserted:
            transaction.insert(table, _batch(list(of_table.inserted.values()), TABLES[table].columns))


def _update(transaction: Transaction, table: str, changes: TableChanges, catalog: Catalog) -> None:
    by_columns: dict[frozenset[str], list[Row]] = defaultdict(list)
    for row_id, row in changes.updated.items():
        by_columns[changes.columns[row_id]].append(row)
    spec = TABLES[table].columns
    for columns, rows in by_columns.items():
        fields = [spec.field(name) for name in spec.names if name in columns]
        schema = pa.schema([pa.field(ROW_ID, catalog.row_id_type(table)), *fields])
        transaction.update(table, _batch(rows, schema))


def _batch(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    columns: Mapping[str, list[Any]] = {name: [row[name] for row in rows] for name in schema.names}
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
