"""Rows: insert, update, delete."""

import numpy as np
import pyarrow as pa

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.refusals import bad_request, not_found, not_implemented
from simulators.vast.queries.arrow import ascending, read_batch, take_row_ids, write_row_ids
from simulators.vast.tables.column_types import check_batch
from simulators.vast.tables.segments import RowIds, contains_all, contains_any
from simulators.vast.tables.table import EXTERNAL_ROW_ID, Table

MAX_BODY_BYTES = 5 << 20


def insert(database: Database, request: Request) -> Reply:
    """Adds rows and returns their ids. Inserts never conflict."""
    _check_size(request)
    batch = read_batch(request.body)
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(database.table_name(request))
        check_batch(table, batch)
        external = EXTERNAL_ROW_ID in batch.schema.names
        if batch.num_rows == 0:
            ids = np.empty(0, np.uint64)
        elif external:
            ids = _external_ids(database, table, batch)
        else:
            ids = database.new_row_ids(table.handle, batch.num_rows)
        if len(ids):
            handle = table.handle
            tx.apply(lambda c: c.change(handle, lambda t: t.insert(ids, batch, external=external)))
    return Reply(body=write_row_ids(ids, table.row_id_type))


def update(database: Database, request: Request) -> Reply:
    """Replaces columns of rows. Missing rows are ignored or refused, depending on an option of the server."""
    _check_size(request)
    ids, values = take_row_ids(read_batch(request.body))
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(database.table_name(request))
        check_batch(table, values)
        fixed = (table.fixed_columns | {EXTERNAL_ROW_ID}) & set(values.schema.names)
        if fixed:
            raise bad_request(
                "InvalidArgument", f"Columns that cannot be updated: {', '.join(sorted(fixed))}"
            )
        database.transactions.claim_rows(tx, table.handle, ids)
        _check_rows(database, table, ids)
        tx.apply(lambda catalog: catalog.change(table.handle, lambda t: t.update(ids, values)))
    return Reply()


def delete(database: Database, request: Request) -> Reply:
    """Removes rows. Missing rows are ignored or refused, depending on an option of the server."""
    _check_size(request)
    if "sub-table" in request.params:
        raise not_implemented("imports, nor the table that lists them")
    ids, _ = take_row_ids(read_batch(request.body))
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(database.table_name(request))
        database.transactions.claim_rows(tx, table.handle, ids)
        _check_rows(database, table, ids)
        tx.apply(lambda catalog: catalog.change(table.handle, lambda t: t.delete(ids)))
    return Reply()


def _check_rows(database: Database, table: Table, ids: RowIds) -> None:
    if database.transactions.missing_rows == "refused" and not contains_all(table.segments, ids):
        raise not_found("TabularNoSuchRow", "There is no such row")


def _external_ids(database: Database, table: Table, batch: pa.RecordBatch) -> RowIds:
    column = batch.column(EXTERNAL_ROW_ID)
    if column.null_count or pa.compute.min(column).as_py() < 0:
        raise bad_request("InvalidArgument", "Row ids must be zero or more")
    ids: RowIds = column.cast(pa.uint64()).to_numpy()
    if not ascending(ids) or contains_any(table.segments, ids):
        raise bad_request("InvalidArgument", "Found duplicate row ids or not in ascending order")
    database.use_row_ids(table.handle, ids)
    return ids


def _check_size(request: Request) -> None:
    if len(request.body) > MAX_BODY_BYTES:
        raise bad_request(
            "EntityTooLarge", f"A body of {len(request.body)} bytes; {MAX_BODY_BYTES} are allowed"
        )
