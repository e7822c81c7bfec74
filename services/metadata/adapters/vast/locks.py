"""Rows that exist to be written: two transactions that need the same key collide on one of them."""

import zlib
from typing import Any, Final

import numpy as np
import pyarrow as pa

from services.metadata.adapters.vast.schema import TABLES
from services.shared.vast.cluster import Cluster
from services.shared.vast.filters import EVERYTHING
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import ROW_ID, Transaction

# So many that two groups of 64 new keys seldom share one: 64 * 64 / 65,536.
STRIPES: Final = 65_536
_TABLE: Final = "locks"


class Locks:
    """The rows by key.

    Processes that start at once may each fill the empty table. A stripe then has several rows, and who
    takes it writes all of them that it knows, those of whoever came before it in any case.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._stripes: Any = np.array([], np.int64)
        self._row_ids: Any = np.array([], np.uint64)
        if not self._load(cluster):
            cluster.run(_fill)
            self._load(cluster)

    def take(self, transaction: Transaction, keys: set[str]) -> None:
        """Write the rows of the keys; Clash when another transaction has."""
        stripes = {zlib.crc32(key.encode()) % STRIPES for key in keys}
        row_ids = np.sort(self._row_ids[np.isin(self._stripes, list(stripes))])
        if len(row_ids):
            ids = pa.array(row_ids, pa.uint64())
            stamps = pa.array([transaction.txid or 0] * len(row_ids), pa.int64())
            transaction.update(_TABLE, pa.record_batch([ids, stamps], names=[ROW_ID, "stamp"]))

    def _load(self, cluster: Cluster) -> bool:
        rows = cluster.run(
            lambda transaction: transaction.select(
                _TABLE, ["stripe"], EVERYTHING, kind=Kind.PAGE, row_ids=True
            )
        )
        self._stripes, self._row_ids = rows["stripe"].to_numpy(), rows[ROW_ID].to_numpy()
        return len(np.unique(self._stripes)) == STRIPES


def _fill(transaction: Transaction) -> None:
    columns = [pa.array(np.arange(STRIPES)), pa.array(np.zeros(STRIPES, np.int64))]
    transaction.insert(_TABLE, pa.RecordBatch.from_arrays(columns, schema=TABLES[_TABLE].columns))
    transaction.commit()
