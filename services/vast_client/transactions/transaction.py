"""A transaction: reads and writes of rows."""

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Protocol

import pyarrow as pa

from services.vast_client import limits
from services.vast_client.connections.connections import overtime
from services.vast_client.failures import CommitUnknown, Failure, Unknown, Unreachable
from services.vast_client.filters.filters import Filter
from services.vast_client.journals.journal import Journal, State
from services.vast_client.plans import Kind
from services.vast_client.sdk import SdkTable, SdkTransaction
from services.vast_client.transactions.calls import Call, ClusterContext
from services.vast_client.transactions.endings import try_until
from services.vast_client.transactions.keepalive import KeepAlive
from services.vast_client.transactions.parts import MAX_ROWS, slices
from services.vast_client.transactions.reads import ROW_ID, Reads
from services.vast_client.transactions.streams import Batches

__all__ = ["ROW_ID", "Transaction"]


class Owner(ClusterContext, Protocol):
    """The parts of a cluster that begin and end of a transaction use."""

    journal: Journal | None
    keep_alive: KeepAlive


class Transaction:
    """A transaction, used by one thread at a time. As a context manager it rolls back unless committed.

    `began` is the monotonic time of its begin; it sees all changes that were committed before.
    """

    def __init__(self, cluster: Owner, endpoint: str, txid: int, began: float, round_: int = 0) -> None:
        self.began = began
        self._cluster = cluster
        self._reads = Reads(cluster, endpoint, txid, round_=round_)
        self._raw = cluster.session(endpoint).transaction()
        self._raw.txid = txid
        self._place = cluster.journal.add(txid) if cluster.journal else None
        self._wrote = False
        self._bytes = 0
        self._is_lost = False  # one of its requests was not answered
        cluster.keep_alive.add(txid)

    @property
    def endpoint(self) -> str:
        """The endpoint of its next request."""
        return self._reads.endpoint

    @property
    def txid(self) -> int | None:
        """The transaction number; None if the transaction has ended."""
        return self._raw.txid

    @property
    def raw(self) -> SdkTransaction:
        """The transaction of the SDK, for requests about tables."""
        self._note_write()  # assumed, because such requests may write
        return self._raw_at_endpoint()

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a failure of the endpoint, the transaction is ended in the background.
        self._is_lost = self._is_lost or isinstance(error, Unreachable)
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
        """The matching rows in no order, at most `limit`; with `row_ids` also the column `$row_id`."""
        return self._reads.select(table, columns, where, kind=kind, limit=limit, row_ids=row_ids)

    def stream(
        self, table: str, columns: Sequence[str], where: Filter, most_rows: int | None = None
    ) -> Batches:
        """The matching rows in no order, while they are read; only a few replies are in memory.

        A reply has at most `most_rows` rows, by default 65,536. The rows may be taken in another thread. The
        transaction must stay open until the last one is taken.
        """
        return self._reads.stream(table, columns, where, most_rows)

    def count(self, table: str) -> int:
        """The number of rows of a table, as the server counts them now."""
        return self._reads.count(table)

    def page(self, table: str, columns: Sequence[str], where: Filter, limit: int) -> pa.Table:
        """The matching rows in no order, at most `limit`. Several threads may call it at the same time.

        Failed reads are repeated for up to `limits.REPLY_BUDGET`.
        """
        return self._reads.page(table, columns, where, limit)

    def insert(self, table: str, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows."""
        target = self._table(table)
        for part in slices(rows):
            with self._write(part):
                target.insert(part)

    def update(self, table: str, rows: pa.RecordBatch | pa.Table) -> None:
        """Change columns of the rows with the ids in `$row_id`. Clash if another writer was first."""
        target = self._table(table)
        for part in slices(rows, MAX_ROWS):
            with self._write(part):
                target.update(part)

    def delete(self, table: str, row_ids: Sequence[int] | pa.Array | pa.ChunkedArray) -> None:
        """Delete rows by their ids. Clash if another writer was first."""
        target = self._table(table)
        values = row_ids if isinstance(row_ids, Sequence) else row_ids.to_pylist()
        ids = pa.array(sorted(values), self._cluster.catalog.row_id_type(table))
        for part in slices(pa.record_batch([ids], names=[ROW_ID]), MAX_ROWS):
            with self._write(part):
                target.delete(part)

    def commit(self) -> None:
        """Commit. CommitUnknown if the reply was lost, Clash if another writer was first."""
        txid, seconds = self._finish(), limits.of_commit(self._bytes)
        try:
            with overtime(seconds), Call(self._cluster, self.endpoint, seconds):
                self._cluster.session(self.endpoint).api.commit_transaction(txid)
        except Unreachable as error:
            unknown = CommitUnknown(str(error), txid, ended=self._end(txid, error))
            unknown.endpoint = self.endpoint
            raise unknown from error
        except Failure as error:
            self._end(txid, error)
            raise
        self._forget()

    def rollback(self) -> None:
        """Roll back. If the endpoint does not answer, the transaction is ended in the background."""
        if self._raw.txid is None:
            return
        txid = self._finish()
        if self._is_lost or not self._roll_back(txid):
            self._end_later(txid)
        else:
            self._forget()

    def _roll_back(self, txid: int) -> bool:
        # Longer than for a read of this size, because the result of the transaction is already known.
        seconds = limits.patience(Kind.PAGE, self._cluster.endpoints.usual_seconds(Kind.POINT))
        try:
            with overtime(seconds), Call(self._cluster, self.endpoint, seconds, is_query=False):
                self._cluster.session(self.endpoint).api.rollback_transaction(txid)
        except Unknown:
            return True  # it has ended
        except Failure:
            return False
        return True

    def _end(self, txid: int, error: Failure) -> bool:
        """End a transaction whose commit failed; False if that has to be done in the background."""
        with overtime(limits.OVERTIME):
            if isinstance(error, Unknown) or try_until(partial(self._cluster.end, txid), limits.OVERTIME):
                self._forget()
                return True
        self._end_later(txid)
        return False

    def _end_later(self, txid: int) -> None:
        self._mark(State.GIVEN_UP)
        self._cluster.endings.add(txid, wrote=self._wrote, forget=self._forget)

    def _finish(self) -> int:
        txid = self._raw.txid
        if txid is None:
            raise ValueError("the transaction has ended")
        self._raw.txid = None
        self._cluster.keep_alive.remove(txid)
        return txid

    def _forget(self) -> None:
        if self._cluster.journal is not None:
            self._cluster.journal.remove(self._place)
            self._place = None

    def _note_write(self) -> None:
        self._wrote = True
        self._mark(State.WROTE)

    def _mark(self, state: State) -> None:
        if self._cluster.journal is not None:
            self._cluster.journal.mark(self._place, state)

    def _write(self, part: pa.RecordBatch) -> Call:
        self._note_write()
        self._bytes += part.nbytes
        return Call(self._cluster, self.endpoint, limits.of_write(part.nbytes))

    def _table(self, name: str) -> SdkTable:
        return self._raw_at_endpoint().table_from_metadata(self._cluster.catalog.metadata(name))

    def _raw_at_endpoint(self) -> SdkTransaction:
        """The transaction of the SDK, set to the endpoint of the next request."""
        session = self._cluster.session(self.endpoint)
        if self._raw._rpc is not session:  # noqa: SLF001
            self._raw._rpc, self._raw._session_context = session, session._context  # noqa: SLF001
        return self._raw
