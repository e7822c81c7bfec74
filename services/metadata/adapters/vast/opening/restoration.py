"""The mark of a schema whose tables are being restored: a table that exists until all rows are there.

Its one row names the backup, and counts the parts that are committed. A part and its number are committed
together, so a restore that was stopped continues after the last part, and inserts none of them twice.
"""

from typing import Final, NamedTuple

import pyarrow as pa

from services.metadata.adapters.vast.writing.committing import commit_repeatable
from services.shared.errors import StartupError
from services.vast_client.catalog import existing
from services.vast_client.cluster import Cluster
from services.vast_client.failures import translated_sdk_errors
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.listing import table_names
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction

TABLE: Final = "restoration"
# For all tries to set or remove the mark.
_SECONDS: Final = 60.0
_COLUMNS: Final = pa.schema({"backup": pa.string(), "parts": pa.int64()})


class Restoration(NamedTuple):
    """The digest of the backup, and the number of its parts that are committed."""

    backup: str
    parts: int


def refuse_incomplete(cluster: Cluster) -> None:
    """StartupError if the tables of a schema are not restored completely."""
    if is_incomplete(cluster):
        raise StartupError(
            "the tables on VAST are not restored completely: run `tams backup restore` again with the same"
            " folder, or drop the schema"
        )


def is_incomplete(cluster: Cluster) -> bool:
    """True if the mark exists."""
    return TABLE in cluster.run(lambda transaction: table_names(transaction, cluster.address))


def begin(cluster: Cluster, backup: str) -> Restoration:
    """The state of the restore in this schema, which begins now unless one has begun before."""

    def work(transaction: Transaction) -> None:
        address = cluster.address
        if TABLE in table_names(transaction, address):
            return
        with translated_sdk_errors(), existing():
            bucket = transaction.raw.bucket(address.bucket)
            schema = bucket.schema(address.schema, fail_if_missing=False)
            schema = schema or bucket.create_schema(address.schema)
            row = {"backup": backup, "parts": 0}
            schema.create_table(TABLE, _COLUMNS).insert(pa.RecordBatch.from_pylist([row], _COLUMNS))
        commit_repeatable(cluster, transaction)

    cluster.run(work, budget=_SECONDS)
    return cluster.run(_state)


def insert_part(cluster: Cluster, transaction: Transaction, number: int, table: str, rows: pa.Table) -> None:
    """Commit the rows of a part, unless they are committed already. Parts are numbered from 0."""
    mark = _mark(transaction)
    if mark["parts"][0].as_py() > number:
        return
    transaction.insert(table, rows)
    # The update comes last: a process that is killed before it leaves no row that another one cannot write.
    transaction.update(TABLE, pa.table({ROW_ID: mark[ROW_ID], "parts": pa.array([number + 1])}))
    commit_repeatable(cluster, transaction)


def end(cluster: Cluster) -> None:
    """Remove the mark."""

    def work(transaction: Transaction) -> None:
        address = cluster.address
        if TABLE not in table_names(transaction, address):
            return
        with translated_sdk_errors():
            transaction.raw.bucket(address.bucket).schema(address.schema).table(TABLE).drop()
        commit_repeatable(cluster, transaction)

    cluster.run(work, budget=_SECONDS)


def _state(transaction: Transaction) -> Restoration:
    mark = _mark(transaction)
    return Restoration(mark["backup"][0].as_py(), mark["parts"][0].as_py())


def _mark(transaction: Transaction) -> pa.Table:
    return transaction.select(TABLE, _COLUMNS.names, EVERYTHING, kind=Kind.POINT, row_ids=True)
