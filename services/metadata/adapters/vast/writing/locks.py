"""Rows that serve as locks. Transactions that lock the same key write the same row, so they conflict."""

import zlib
from time import monotonic
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.metadata.adapters.vast.schema import TABLES
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, Refused, Unknown
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction

# Two groups of 64 new keys seldom share a stripe: the probability is about 64 * 64 / 65,536.
STRIPES: Final = 65_536
_TABLE: Final = "locks"
# Transaction ids have 64 bits. The column has signed numbers, so it takes 63 of them.
_LARGEST: Final = 2**63 - 1


class _LockRows(NamedTuple):
    """The rows of stripes, and the start of the transaction that read them."""

    stripes: NDArray[np.int64]
    row_ids: NDArray[np.uint64]
    began: float

    @property
    def missing(self) -> NDArray[np.int64]:
        """The stripes without a row."""
        return np.setdiff1d(np.arange(STRIPES), self.stripes)


class Locks:
    """The rows that lock keys. Thread-safe.

    Processes that start at the same time may each fill the empty table, so a stripe may have several rows.
    A transaction writes all rows of a stripe that its process knows. Those of processes that filled the table
    earlier are always among them.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._not_before = float("-inf")
        self._rows = cluster.run(_read)
        # True if rows were missing and were added. Other processes read the new rows after they `forget`.
        self.filled = len(self._rows.missing) > 0 and self.complete(cluster)

    def complete(self, cluster: Cluster) -> bool:
        """Add rows for stripes without one. True if there were such stripes."""
        filled = cluster.run(_fill)
        self._rows = cluster.run(_read)
        return filled

    def forget(self) -> None:
        """Read the rows again before the next `take`, because there may be new ones."""
        self._not_before = monotonic()

    def take(self, transaction: Transaction, keys: set[str]) -> None:
        """Write the rows of the keys. Clash if another transaction has written one of them."""
        if not keys:
            return
        if reads_again := self._rows.began < self._not_before:
            self._rows = _read(transaction)
        stripes = {zlib.crc32(key.encode()) % STRIPES for key in keys}
        row_ids = np.sort(self._rows.row_ids[np.isin(self._rows.stripes, list(stripes))])
        ids = pa.array(row_ids, pa.uint64())
        stamps = pa.array([(transaction.txid or 0) & _LARGEST] * len(row_ids), pa.int64())
        try:
            transaction.update(_TABLE, pa.record_batch([ids, stamps], names=[ROW_ID, "stamp"]))
        except (Refused, Unknown) as failure:
            if reads_again:
                raise  # the rows exist, so the failure has another cause
            self.forget()
            raise Clash(f"rows of locks may be gone: {failure}") from failure


def missing_stripes(transaction: Transaction) -> int:
    """The number of stripes without a row."""
    return len(_read(transaction).missing)


def _read(transaction: Transaction) -> _LockRows:
    rows = transaction.select(_TABLE, ["stripe"], EVERYTHING, kind=Kind.PAGE, row_ids=True)
    rows = rows.filter(rows["stripe"].is_valid())
    return _LockRows(rows["stripe"].to_numpy(), rows[ROW_ID].to_numpy(), transaction.began)


def _fill(transaction: Transaction) -> bool:
    missing = _read(transaction).missing
    if not len(missing):
        return False
    columns = [pa.array(missing, pa.int64()), pa.array(np.zeros(len(missing), np.int64))]
    transaction.insert(_TABLE, pa.RecordBatch.from_arrays(columns, schema=TABLES[_TABLE].columns))
    transaction.commit()
    return True
