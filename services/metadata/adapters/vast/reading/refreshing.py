"""Makes all processes that use the tables forget their cached rows and ids.

The process that gets the request to refresh counts it in a row of `counters`. The others read that row every
few seconds, in a transaction that is open anyway; less often while they have only background work.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import Equal
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction

_TABLE: Final = "counters"
_NAME: Final = "refreshes"
CHECK_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 30.0


class Refreshing:
    """The count of refreshes that this process knows. `forget` is called when it grows. Thread-safe."""

    def __init__(
        self, cluster: Cluster, forget: Callable[[], None], clock: Callable[[], float] = monotonic
    ) -> None:
        self._cluster = cluster
        self._forget = forget
        self._clock = clock
        self._checked_at = clock()
        self._count = 0

    def check(self, transaction: Transaction, *, idle: bool = False) -> None:
        """Read the count if that is due, and forget what is cached if another process has raised it.

        `idle` is True for a transaction that only background work uses.
        """
        now = self._clock()
        if now - self._checked_at < (IDLE_SECONDS if idle else CHECK_SECONDS):
            return
        self._checked_at = now
        count = sum(_rows(transaction)["value"].to_pylist())
        before, self._count = self._count, count
        if count != before:
            self._forget()

    def announce(self) -> None:
        """Forget what is cached, and make the other processes do the same."""
        announce(self._cluster)
        self._forget()


def announce(cluster: Cluster) -> None:
    """Make all processes forget what they have cached."""
    cluster.run(_count)


def _rows(transaction: Transaction) -> pa.Table:
    where = Equal("name", _NAME)
    return transaction.select(_TABLE, ["name", "value"], where, kind=Kind.POINT, row_ids=True)


def _count(transaction: Transaction) -> None:
    # Two processes may insert the row at the same time, so the count is the sum over all rows.
    rows = _rows(transaction)
    if rows.num_rows:
        values = [rows[ROW_ID].slice(0, 1).combine_chunks(), pa.array([rows["value"][0].as_py() + 1])]
        transaction.update(_TABLE, pa.record_batch(values, names=[ROW_ID, "value"]))
    else:
        row = {"name": _NAME, "value": 1}
        transaction.insert(_TABLE, pa.RecordBatch.from_pylist([row], TABLES[_TABLE].columns))
    transaction.commit()
