"""Finds out if a commit succeeded after its reply was lost.

Each thread that writes has its own row in `writers`. Every change writes its name there, in its transaction.
After a lost reply, the row shows whether the change was committed. Its transaction is ended first, so that it
cannot be committed later.

The first change or renewal adds the row, and so does the next one after the row was removed. So the rows also
show which processes are running.
"""

import time
from time import monotonic
from typing import Final, NamedTuple

import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.shared.ids import new_uuid
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, Failure, Refused, Unknown, Unreachable
from services.vast_client.filters.filters import AtMost, Equal
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction

_TABLE: Final = "writers"
# Rows of killed processes are kept while one of their callers may still wait for a response.
_KEPT_MS: Final = 7 * 24 * 3600 * 1000
# The time after which an idle thread renews its row, and after which a thread that writes checks its row.
RENEW_SECONDS: Final = 300.0
_CHECK_SECONDS: Final = 60.0
# There are few attempts here, because the caller tries again.
_ATTEMPTS: Final = 2


class OutcomeUnknown(Failure):
    """It cannot be found out whether a change was made."""


class Mark(NamedTuple):
    """The name of a change. `adds_row` is True if the change adds the row with the name."""

    change: str
    adds_row: bool


class Fence:
    """The row of one thread. Its id begins with that of the process. Not thread-safe."""

    def __init__(self, cluster: Cluster, process: str = "") -> None:
        self._cluster = cluster
        self._id = f"{process or new_uuid()}/{new_uuid()}"
        self._row_id: int | None = None
        self._checked_at = self._renewed_at = float("-inf")
        self.used = False

    def mark(self, transaction: Transaction) -> Mark:
        """Write the name of the transaction's change. Clash if the row is gone; the next attempt adds it."""
        is_checked = self._row_id is None or monotonic() - self._checked_at > _CHECK_SECONDS
        if is_checked:
            self._check(transaction)
        self.used = True
        change = new_uuid()
        if self._row_id is None:
            self._insert(transaction, change)
            return Mark(change, True)
        try:
            self._write(transaction, change=change)
        except (Refused, Unknown) as failure:
            self.forget()
            if is_checked:
                raise  # the row exists, so the failure has another cause
            raise Clash(f"the row that names the changes may be gone: {failure}") from failure
        return Mark(change, False)

    def is_committed(self, txid: int, mark: Mark) -> bool:
        """True if a transaction was committed although the reply was lost. Otherwise it never will be.

        Unreachable if no endpoint responds, OutcomeUnknown if the row with the name is gone.
        """
        if not self._cluster.end(txid):
            raise Unreachable("no endpoint confirms that the transaction has ended")
        changes = self._cluster.run(self._read, attempts=_ATTEMPTS)["change"].to_pylist()
        if not changes and not mark.adds_row:
            self.forget()
            raise OutcomeUnknown("the row that names the last change was removed")
        return mark.change in changes

    def renew(self) -> None:
        """Update the time in the row, which shows that the process is alive. Adds the row if it is missing.

        The name of the last change stays in the row.
        """

        def work(transaction: Transaction) -> None:
            self._check(transaction)
            if self._row_id is None:
                self._insert(transaction, new_uuid())
            else:
                self._write(transaction)
            transaction.commit()

        self.used = True
        self._cluster.run(work)

    @property
    def is_due(self) -> bool:
        """True if the row has to be renewed."""
        return monotonic() - self._renewed_at >= RENEW_SECONDS

    def forget(self) -> None:
        """Read the row again before the next change, because it may be gone."""
        self._row_id = None
        self._renewed_at = float("-inf")

    def remove_old_rows(self) -> None:
        """Remove the rows of processes that were killed long ago."""

        def work(transaction: Transaction) -> None:
            where = AtMost("seen_ms", _now_ms() - _KEPT_MS)
            old = transaction.select(_TABLE, ["id"], where, kind=Kind.PAGE, row_ids=True)
            if old.num_rows:
                transaction.delete(_TABLE, old[ROW_ID].to_pylist())
                transaction.commit()

        self._cluster.run(work)

    def notices_conflicts(self) -> bool:
        """True if the second of two transactions that write this row fails, at the write or at its commit."""
        self.renew()
        first, second = self._cluster.begin(), self._cluster.begin()
        with first, second:
            self.mark(first)
            try:
                self.mark(second)
                first.commit()
                second.commit()
            except Clash:
                return True
        return False

    def rename_change(self) -> None:
        """Commit a change that only changes the name in the row."""

        def work(transaction: Transaction) -> None:
            self.mark(transaction)
            transaction.commit()

        self._cluster.run(work)

    def change_seen_by(self, transaction: Transaction) -> str | None:
        """The name in the row as a transaction sees it; None if it sees no row."""
        rows = self._read(transaction)
        return str(rows["change"][0]) if rows.num_rows else None

    def remove(self) -> None:
        """Remove the row, after the last change."""

        def work(transaction: Transaction) -> None:
            rows = self._read(transaction)
            if rows.num_rows:
                transaction.delete(_TABLE, rows[ROW_ID].to_pylist())
                transaction.commit()

        if self.used:
            self._cluster.run(work, attempts=_ATTEMPTS)

    def _insert(self, transaction: Transaction, change: str) -> None:
        row = {"id": self._id, "change": change, "seen_ms": _now_ms()}
        transaction.insert(_TABLE, pa.RecordBatch.from_pylist([row], TABLES[_TABLE].columns))
        self._renewed_at = monotonic()

    def _write(self, transaction: Transaction, **values: str) -> None:
        row = {
            ROW_ID: [self._row_id],
            "seen_ms": [_now_ms()],
            **{name: [value] for name, value in values.items()},
        }
        types = {ROW_ID: pa.uint64(), "seen_ms": pa.int64(), "change": pa.string()}
        arrays = [pa.array(cells, types[name]) for name, cells in row.items()]
        transaction.update(_TABLE, pa.record_batch(arrays, names=list(row)))
        self._renewed_at = monotonic()

    def _check(self, transaction: Transaction) -> None:
        rows = self._read(transaction)
        self._row_id = rows[ROW_ID][0].as_py() if rows.num_rows else None
        self._checked_at = monotonic()

    def _read(self, transaction: Transaction) -> pa.Table:
        columns = ["id", "change"]
        return transaction.select(_TABLE, columns, Equal("id", self._id), kind=Kind.POINT, row_ids=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
