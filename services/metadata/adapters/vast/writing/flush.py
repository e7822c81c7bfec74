"""Sends the writes of a transaction: for each table, one request for each kind of write."""

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

from services.metadata.adapters.vast.changes import Changes, TableChanges
from services.metadata.adapters.vast.queries import ROW_ID, Row
from services.metadata.adapters.vast.schema import TABLES
from services.vast_client.catalog import Catalog
from services.vast_client.transactions.transaction import Transaction


def flush(transaction: Transaction, changes: Changes, catalog: Catalog) -> None:
    """Send the writes. Clash if another transaction wrote one of the rows first."""
    for table, table_changes in changes.tables.items():
        # Updates come first. Mostly they are the writes that conflict, so a conflict costs few requests.
        _update(transaction, table, table_changes, catalog)
        if table_changes.deleted:
            transaction.delete(table, list(table_changes.deleted))
    for table, table_changes in changes.tables.items():
        if table_changes.inserted:
            rows = list(table_changes.inserted.values())
            transaction.insert(table, _batch(rows, TABLES[table].columns))


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
    columns: Mapping[str, list[object]] = {name: [row[name] for row in rows] for name in schema.names}
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
