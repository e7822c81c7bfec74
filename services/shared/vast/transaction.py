"""One transaction: reads and writes of rows, on one endpoint.

Reads go through the parts of the SDK below `Table.select`, on the connection that is open already:
`select` makes an API object, a connection and a thread for each call, which doubles the time of a small
read. The SDK's version is pinned, and a test tells when these parts change.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, NamedTuple

import pyarrow as pa
from vastdb import _internal
from vastdb.table import SplitWorker, SplitWorkerConfig

from services.shared.vast.calls import Call, Surroundings
from services.shared.vast.failures import Away, CommitUnknown, Failure
from services.shared.vast.filters import Filter
from services.shared.vast.matching import columns_of, keep
from services.shared.vast.parts import short, slices
from services.shared.vast.plans import Kind, Plan, plan
from services.shared.vast.pushdown import Pushed, push_down

ROW_ID: Final = "$row_id"
_SCAN_THREADS: Final = 8


class Transaction:
    """A transaction; used by one thread at a time. Leaving it without a commit rolls it back."""

    def __init__(self, cluster: Surroundings, endpoint: str, session: Any) -> None:
        self.endpoint = endpoint
        self._cluster = cluster
        self._session = session
        self._raw: Any = session.transaction()
        with Call(cluster, endpoint, tells=False):
            response = session.api.begin_transaction()
            self._raw.txid = int(response.headers["tabular-txid"])
        self._noted = cluster.journal.begun(self._raw.txid) if cluster.journal else None

    @property
    def txid(self) -> int | None:
        """The number the server gave it; None when it has ended."""
        number: int | None = self._raw.txid
        return number

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(self, *_: object) -> None:
        self.rollback()

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
        """The rows that pass, or `limit` of them, any; with `row_ids`, in a column `$row_id` too."""
        queries = (_Query(table, columns, part, kind, limit, row_ids) for part in short(where))
        parts = [self._ask(query) for query in queries]
        found = pa.concat_tables(parts) if len(parts) > 1 else parts[0]
        return found if limit is None else found.slice(0, limit)

    def insert(self, table: str, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows."""
        target = self._table(table)
        for part in slices(rows):
            with self._call():
                target.insert(part)

    def update(self, table: str, rows: pa.RecordBatch | pa.Table) -> None:
        """Change columns of the rows that the column `$row_id` names; Clash when another writer was first."""
        target = self._table(table)
        for part in slices(rows):
            with self._call():
                target.update(part)

    def delete(self, table: str, row_ids: Sequence[Any] | pa.Array | pa.ChunkedArray) -> None:
        """Remove rows by id; Clash when another writer was first."""
        target = self._table(table)
        values = row_ids if isinstance(row_ids, Sequence) else row_ids.to_pylist()
        ids = pa.array(sorted(values), self._cluster.catalog.row_id_type(table))
        with self._call():
            target.delete(pa.record_batch([ids], names=[ROW_ID]))

    def commit(self) -> None:
        """Make it last. CommitUnknown when no reply tells whether it did."""
        txid, self._raw.txid = self._raw.txid, None
        try:
            with self._call():
                self._session.api.commit_transaction(txid)
        except Away as error:
            self._cluster.end(txid)
            raise CommitUnknown(str(error)) from error
        except Failure:
            self._cluster.end(txid)
            raise
        finally:
            self._forget()

    def rollback(self) -> None:
        """Forget it. A server that cannot be told forgets it by itself, in time."""
        if self._raw.txid is None:
            return
        txid, self._raw.txid = self._raw.txid, None
        try:
            with Call(self._cluster, self.endpoint, tells=False):
                self._session.api.rollback_transaction(txid)
        except Failure:
            return
        finally:
            self._forget()

    def _forget(self) -> None:
        if self._cluster.journal is not None:
            self._cluster.journal.ended(self._noted)

    @property
    def raw(self) -> Any:
        """The SDK's own transaction, for what concerns tables and not rows."""
        return self._raw

    def _call(self) -> Call:
        return Call(self._cluster, self.endpoint)

    def _table(self, name: str) -> Any:
        return self._raw.table_from_metadata(self._cluster.catalog.metadata(name))

    def _ask(self, query: "_Query") -> pa.Table:
        pushed = push_down(query.where)
        catalog = self._cluster.catalog
        extra = sorted(columns_of(pushed.rest) - set(query.columns)) if pushed.rest is not None else []
        names = [*query.columns, *extra, *([ROW_ID] if query.row_ids else [])]
        asked_about = columns_of(query.where).union(query.columns)
        schema = catalog.query_schema(query.table, asked_about, row_ids=query.row_ids)
        if pushed.never:
            return pa.schema([schema.field(name) for name in names]).empty_table()
        limit = query.limit if pushed.rest is None else None
        how = plan(query.kind, catalog.rows(query.table), len(self._cluster.endpoints.live()), limit)
        request = _request(catalog, query.table, schema, names, pushed)
        found = self._read(query.table, request, how, limit)
        return found if pushed.rest is None else keep(pushed.rest, found).drop_columns(extra)

    def _read(self, table: str, request: Any, how: Plan, limit: int | None) -> pa.Table:
        batches: list[pa.RecordBatch]
        if how.splits == 1:
            with self._call():
                batches = list(_until(self._split(self._session.api, table, request, how, 0), limit))
        else:
            batches = self._read_side_by_side(table, request, how)
        return pa.Table.from_batches(batches, request.response_schema)

    def _read_side_by_side(self, table: str, request: Any, how: Plan) -> list[pa.RecordBatch]:
        endpoints = self._cluster.endpoints.live()

        def read(split: int) -> list[pa.RecordBatch]:
            # A transaction is known to all endpoints, so another one can read what one does not.
            turn = split % len(endpoints)
            order = dict.fromkeys([*endpoints[turn:], *endpoints[:turn], self.endpoint])
            *others, last = order
            for endpoint in others:
                with suppress(Away):
                    return self._read_split(endpoint, table, request, how, split)
            return self._read_split(last, table, request, how, split)

        with ThreadPoolExecutor(min(_SCAN_THREADS, how.splits)) as pool:
            parts: list[list[pa.RecordBatch]] = list(pool.map(read, range(how.splits)))
        return [batch for part in parts for batch in part]

    def _read_split(
        self, endpoint: str, table: str, request: Any, how: Plan, split: int
    ) -> list[pa.RecordBatch]:
        with Call(self._cluster, endpoint):
            api = self._cluster.session(endpoint).api
            return list(self._split(api, table, request, how, split))

    def _split(self, api: Any, table: str, request: Any, how: Plan, split: int) -> SplitWorker:
        address = self._cluster.address
        config = SplitWorkerConfig(
            num_splits=how.splits,
            num_sub_splits=how.sub_splits,
            num_row_groups_per_sub_split=how.row_groups,
            limit_rows_per_sub_split=how.rows,
            use_semi_sorted_projections=True,
            queue_priority=None,
            semi_sorted_projection_name=None,
        )
        return SplitWorker(
            api, request, address.bucket, address.schema, table, self._raw.active_txid, False, split, config
        )


class _Query(NamedTuple):
    table: str
    columns: Sequence[str]
    where: Filter
    kind: Kind
    limit: int | None
    row_ids: bool


def _request(catalog: Any, table: str, schema: pa.Schema, names: list[str], pushed: Pushed) -> Any:
    predicate = pushed.predicate
    if predicate is not None:
        predicate = predicate.resolve(catalog.metadata(table).ibis_table)
    return _internal.build_query_data_request(schema=schema, predicate=predicate, field_names=names)


def _until(batches: Any, limit: int | None) -> Iterator[pa.RecordBatch]:
    """The batches, no more than hold `limit` rows: the worker would go on to the table's end."""
    count = 0
    for batch in batches:
        yield batch
        count += batch.num_rows
        if limit is not None and count >= limit:
            return
