"""Whether a commit happened whose reply was lost.

Each process has a row of its own and writes the name of each change into it, within the change. After a
lost reply the row tells. The change cannot come in later: its transaction is ended first.
"""

import time
from typing import Any, Final

import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.shared.ids import new_uuid
from services.shared.vast.cluster import Cluster
from services.shared.vast.failures import Clash
from services.shared.vast.filters import AtMost, Equal
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import ROW_ID, Transaction

_TABLE: Final = "writers"
# Rows of processes that died stay until nobody can wait for an answer of theirs any more.
_KEPT_MS: Final = 7 * 24 * 3600 * 1000


class Fence:
    """This process's row."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._id = new_uuid()
        cluster.run(self._insert)
        self._row_id = cluster.run(self._read)[ROW_ID][0]

    def mark(self, transaction: Transaction) -> str:
        """Name the change that a transaction makes; the name."""
        change = new_uuid()
        values = [pa.array([self._row_id.as_py()], pa.uint64()), pa.array([change]), pa.array([_now_ms()])]
        names = [ROW_ID, "change", "seen_ms"]
        transaction.update(_TABLE, pa.record_batch(values, names=names))
        return change

    def passed(self, change: str) -> bool:
        """Whether the change of a transaction that has ended is committed."""
        return bool(self._cluster.run(self._read)["change"].to_pylist() == [change])

    def notices_conflicts(self) -> bool:
        """Whether the second of two transactions that write this row is refused, at once or in the end."""
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

    def remove(self) -> None:
        """Remove the row: no more changes come."""

        def delete(transaction: Transaction) -> None:
            transaction.delete(_TABLE, [self._row_id.as_py()])
            transaction.commit()

        self._cluster.run(delete, attempts=1)

    def _insert(self, transaction: Transaction) -> None:
        old = transaction.select(
            _TABLE, ["id", "seen_ms"], AtMost("seen_ms", _now_ms() - _KEPT_MS), kind=Kind.PAGE, row_ids=True
        )
        if old.num_rows:
            transaction.delete(_TABLE, old[ROW_ID].to_pylist())
        if self._read(transaction).num_rows == 0:
            row = {"id": self._id, "change": "", "seen_ms": _now_ms()}
            transaction.insert(_TABLE, pa.RecordBatch.from_pylist([row], TABLES[_TABLE].columns))
        transaction.commit()

    def _read(self, transaction: Transaction) -> Any:
        columns = ["id", "change"]
        return transaction.select(_TABLE, columns, Equal("id", self._id), kind=Kind.POINT, row_ids=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
