"""Prepares queries for the SDK: the request, and the worker that sends it for one split.

This uses the parts of the SDK below `Table.select` with a connection that is already open. `select` creates
an API object, a connection and a thread for each call, which doubles the time of a small read. The version of
the SDK is pinned, and a test fails if these parts change.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import pyarrow as pa
from vastdb import _internal
from vastdb.table import SplitWorker, SplitWorkerConfig

from services.vast_client.connections.address import VastAddress
from services.vast_client.filters.filters import Filter
from services.vast_client.filters.matching import columns_of, matching_rows
from services.vast_client.filters.pushdown import Pushed, push_down
from services.vast_client.plans import Kind, Plan
from services.vast_client.sdk import Api, Request
from services.vast_client.transactions.calls import Columns

ROW_ID: Final = "$row_id"


class Query(NamedTuple):
    """A query of one table: columns, filter, expected size, limit, and whether to return row ids."""

    table: str
    columns: Sequence[str]
    where: Filter
    kind: Kind
    limit: int | None = None
    row_ids: bool = False


class Prepared(NamedTuple):
    """A request for the SDK, and the rest of the filter for its rows.

    `request` is None if no row can match. `schema` is that of the rows. `extra` are columns that only the
    rest of the filter needs.
    """

    request: Request | None
    schema: pa.Schema
    rest: Filter | None
    extra: list[str]

    def finish(self, rows: pa.Table) -> pa.Table:
        """The rows that match the rest of the filter, without the extra columns."""
        return rows if self.rest is None else matching_rows(self.rest, rows).drop_columns(self.extra)


def prepare(catalog: Columns, query: Query) -> Prepared:
    """Split the filter of a query and build the request. Unknown if the table lacks one of the columns."""
    pushed = push_down(query.where)
    extra = sorted(columns_of(pushed.rest) - set(query.columns)) if pushed.rest is not None else []
    names = [*query.columns, *extra, *([ROW_ID] if query.row_ids else [])]
    columns = columns_of(query.where).union(query.columns)
    schema = catalog.query_schema(query.table, columns, row_ids=query.row_ids)
    request = None if pushed.never else _request(catalog, query.table, schema, names, pushed)
    return Prepared(request, pa.schema([schema.field(name) for name in names]), pushed.rest, extra)


class TableView(NamedTuple):
    """A table as seen by a transaction."""

    address: VastAddress
    table: str
    txid: int


def split_worker(api: Api | None, view: TableView, request: Request, plan: Plan, split: int) -> SplitWorker:
    """The iterator of the SDK over the record batches of a split, which sends a request for each reply."""
    address, table, txid = view
    config = SplitWorkerConfig(
        num_splits=plan.splits,
        num_sub_splits=plan.sub_splits,
        num_row_groups_per_sub_split=plan.row_groups,
        limit_rows_per_sub_split=plan.rows,
        use_semi_sorted_projections=True,
        queue_priority=None,
        semi_sorted_projection_name=None,
    )
    return SplitWorker(api, request, address.bucket, address.schema, table, txid, False, split, config)


def _request(catalog: Columns, table: str, schema: pa.Schema, names: list[str], pushed: Pushed) -> Request:
    predicate = pushed.predicate
    if predicate is not None:
        predicate = predicate.resolve(catalog.metadata(table).ibis_table)
    request: Request = _internal.build_query_data_request(
        schema=schema, predicate=predicate, field_names=names
    )
    return request
