"""The reads of a transaction: from its endpoint, or from another one if that does not answer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow as pa
from vastdb.table import SplitWorker

from services.vast_client import limits
from services.vast_client.connections.connections import deadline, time_left
from services.vast_client.filters.filters import Filter
from services.vast_client.plans import Kind, Plan, plan_for
from services.vast_client.sdk import Counts, Request
from services.vast_client.transactions.calls import AnyEndpoint, Call, ClusterContext
from services.vast_client.transactions.parts import with_short_lists
from services.vast_client.transactions.prepared import ROW_ID, Query, TableView, prepare, split_worker
from services.vast_client.transactions.streams import Batches, call_with_retries, stream_rows
from services.vast_client.transactions.tries import ATTEMPTS, Tries, with_retries

__all__ = ["ROW_ID", "Reads"]

_SCAN_THREADS: Final = 8


class Reads:
    """The reads of one transaction. It is used by one thread at a time.

    All endpoints of a cluster know a transaction, so `endpoint` changes if the current one does not answer.
    If `moves` is False, the read fails instead.
    """

    def __init__(
        self, cluster: ClusterContext, endpoint: str, txid: int, *, round_: int = 0, moves: bool = True
    ) -> None:
        self.endpoint = endpoint
        self._cluster = cluster
        self._txid = txid
        self._round = round_
        self._moves = moves

    def select(
        self,
        table: str,
        columns: Sequence[str],
        where: Filter,
        *,
        kind: Kind,
        limit: int | None = None,
        row_ids: bool = False,
    ) -> pa.Table:
        """The matching rows in no order, at most `limit`; with `row_ids` also the column `$row_id`."""
        queries = (Query(table, columns, part, kind, limit, row_ids) for part in with_short_lists(where))
        parts = [self._run(query) for query in queries]
        rows = pa.concat_tables(parts) if len(parts) > 1 else parts[0]
        # Arrow believes the length of a slice if there are no columns.
        return rows if limit is None else rows.slice(0, min(limit, rows.num_rows))

    def stream(
        self, table: str, columns: Sequence[str], where: Filter, most_rows: int | None = None
    ) -> Batches:
        """The matching rows in no order, while they are read; only a few replies are in memory.

        A reply has at most `most_rows` rows, by default 65,536.
        The number of splits depends on the current size of the table. If a reply breaks off, the next request
        continues after the rows that were read. The rows may be taken in another thread.
        """
        row_count = self.count(table)
        queries = [Query(table, columns, part, Kind.SCAN) for part in with_short_lists(where)]
        return stream_rows(self._cluster, self._txid, queries, row_count, most_rows)

    def page(self, table: str, columns: Sequence[str], where: Filter, limit: int) -> pa.Table:
        """The matching rows in no order, at most `limit`. Several threads may call it at the same time.

        Failed reads are repeated for up to `limits.REPLY_BUDGET`.
        """

        def read(tries: Tries) -> pa.Table:
            reads = Reads(self._cluster, self.endpoint, self._txid, round_=tries.rounds)
            return reads.select(table, columns, where, kind=Kind.PAGE, limit=limit)

        with deadline(limits.REPLY_BUDGET):
            return with_retries(Tries(len(self._cluster.address.endpoints), ATTEMPTS), read)

    def count(self, table: str) -> int:
        """The number of rows of a table, as the server counts them now."""
        address = self._cluster.address

        def read(endpoint: str) -> Counts:
            api = self._cluster.session(endpoint).api
            return api.get_table_stats(address.bucket, address.schema, table, self._txid)

        self.endpoint, statistics = call_with_retries(self._cluster, Kind.POINT, self.endpoint, read)
        return int(statistics.num_rows)

    def _run(self, query: Query) -> pa.Table:
        catalog = self._cluster.catalog
        prepared = prepare(catalog, query)
        if prepared.request is None:
            return prepared.finish(prepared.schema.empty_table())
        limit = query.limit if prepared.rest is None else None
        row_count, endpoints = catalog.rows(query.table), len(self._cluster.endpoints.usable())
        plan = plan_for(query.kind, row_count, endpoints, limit)
        return prepared.finish(self._read(query.table, prepared.request, query.kind, plan, limit))

    def _read(self, table: str, request: Request, kind: Kind, plan: Plan, limit: int | None) -> pa.Table:
        batches: list[pa.RecordBatch]
        if plan.splits == 1:

            def read(endpoint: str) -> list[pa.RecordBatch]:
                return list(_up_to(self._worker(endpoint, table, request, plan, 0), limit))

            batches = self._read_from_one(kind, read)
        else:
            batches = self._read_in_parallel(table, request, kind, plan)
        return pa.Table.from_batches(batches, request.response_schema)

    def _read_from_one(self, kind: Kind, read: Callable[[str], list[pa.RecordBatch]]) -> list[pa.RecordBatch]:
        batches: list[pa.RecordBatch]
        if self._moves:
            any_endpoint = AnyEndpoint(self._cluster, kind, round_=self._round)
            self.endpoint, batches = any_endpoint.call(self.endpoint, read)
        else:
            with Call(self._cluster, self.endpoint, limits.longest(kind), kind):
                batches = read(self.endpoint)
        return batches

    def _read_in_parallel(self, table: str, request: Request, kind: Kind, plan: Plan) -> list[pa.RecordBatch]:
        endpoints = self._cluster.endpoints.usable()
        left = time_left()

        def read(split: int) -> list[pa.RecordBatch]:
            def read_split(endpoint: str) -> list[pa.RecordBatch]:
                return list(self._worker(endpoint, table, request, plan, split))

            with deadline(left):
                first = endpoints[split % len(endpoints)]
                return AnyEndpoint(self._cluster, kind).call(first, read_split)[1]

        with ThreadPoolExecutor(min(_SCAN_THREADS, plan.splits)) as pool:
            parts = list(pool.map(read, range(plan.splits)))
        return [batch for part in parts for batch in part]

    def _worker(self, endpoint: str, table: str, request: Request, plan: Plan, split: int) -> SplitWorker:
        api = self._cluster.session(endpoint).api
        return split_worker(api, TableView(self._cluster.address, table, self._txid), request, plan, split)


def _up_to(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """The batches with the first `limit` rows; without it the worker reads to the end of the table."""
    count = 0
    for batch in batches:
        yield batch
        count += batch.num_rows
        if limit is not None and count >= limit:
            return
