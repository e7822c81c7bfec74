"""Copies the tables while services write them.

All tables are read in one transaction, which sees the state at its begin. VAST does not document that, so
each backup tries it: a change that is committed after the begin must stay invisible until the last row is
read. Tables in a snapshot of the bucket do not change.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import pyarrow as pa

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.folder import new_folder, stored_file
from services.metadata.adapters.backup.manifest import Manifest, now, write_manifest
from services.metadata.adapters.vast.backup.parquet import TableFiles
from services.metadata.adapters.vast.opening import restoration
from services.metadata.adapters.vast.schema import SCHEMA_VERSION, TABLES
from services.metadata.adapters.vast.writing.fence import Fence
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.listing import table_names
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

# The locks, and the rows of running processes, are made at each start.
NOT_COPIED: Final = frozenset({"locks", "writers"})
# Columns of VAST itself begin with this.
_RESERVED: Final = "vastdb_"
# The rows from which the width of the others is estimated, and the bytes of a reply.
_SAMPLE_ROWS: Final = 200
_REPLY_BYTES: Final = 8 * 1024 * 1024


def back_up(cluster: Cluster, folder: Path) -> Manifest:
    """Write a backup of the tables into a new folder, and close the cluster.

    BackupFailed if that fails; then the folder is not there.
    """
    created = now()
    with closing(cluster), new_folder(folder) as fresh:
        try:
            rows = _copy(cluster, fresh)
        except (Failure, pa.ArrowException) as failure:
            raise BackupFailed(f"cannot copy the tables on VAST: {failure}") from None
        manifest = Manifest(
            engine="vast",
            schema_version=SCHEMA_VERSION,
            created=created,
            tables=rows,
            files=[stored_file(path) for path in sorted(fresh.iterdir())],
        )
        write_manifest(fresh, manifest)
    return manifest


def _copy(cluster: Cluster, folder: Path) -> dict[str, int]:
    """Copy all tables; returns the number of rows of each."""
    columns = _tables(cluster)
    with _one_state(cluster) as transaction:
        return {table: _copy_table(transaction, folder, table, columns[table]) for table in sorted(columns)}


def _tables(cluster: Cluster) -> Mapping[str, pa.Schema]:
    """The columns of each table of the store."""
    present = cluster.run(lambda transaction: table_names(transaction, cluster.address))
    if "flows" not in present:
        where = f"snapshot {cluster.address.snapshot!r}" if cluster.address.snapshot else "schema"
        raise BackupFailed(f"there is no such {where}, or it has no tables of a store")
    if restoration.TABLE in present:
        raise BackupFailed("the tables are not restored completely; run `tams backup restore` again")
    names = TABLES.keys() & present - NOT_COPIED
    return {name: _own_columns(cluster.catalog.metadata(name).arrow_schema) for name in names}


def _own_columns(columns: pa.Schema) -> pa.Schema:
    return pa.schema([(field.name, field.type) for field in columns if not field.name.startswith(_RESERVED)])


@contextmanager
def _one_state(cluster: Cluster) -> Iterator[Transaction]:
    """A transaction that sees one state of all tables. BackupFailed if it sees later changes."""
    if cluster.address.snapshot:
        with cluster.reading(Kind.SCAN) as transaction:
            yield transaction
        return
    fence = Fence(cluster)
    fence.renew()
    try:
        with cluster.reading(Kind.SCAN) as transaction:
            name = fence.change_seen_by(transaction)
            fence.rename_change()
            _check_unchanged(fence, transaction, name)
            yield transaction
            _check_unchanged(fence, transaction, name)
    finally:
        with suppress(Failure):  # It is removed after a week.
            fence.remove()


def _check_unchanged(fence: Fence, transaction: Transaction, name: str | None) -> None:
    if fence.change_seen_by(transaction) != name:
        raise BackupFailed(
            "this VAST shows a transaction the changes that others commit after its begin: make a snapshot of"
            " the bucket, and name it with --snapshot"
        )


def _copy_table(transaction: Transaction, folder: Path, table: str, columns: pa.Schema) -> int:
    sample = transaction.page(table, columns.names, EVERYTHING, _SAMPLE_ROWS)
    with closing(TableFiles(folder, table, columns)) as files:
        if sample.num_rows < _SAMPLE_ROWS:  # it is the whole table
            files.write(sample.to_batches())
        else:
            width = max(1, sample.nbytes // sample.num_rows)
            most_rows = max(1, _REPLY_BYTES // width)
            with closing(transaction.stream(table, columns.names, EVERYTHING, most_rows)) as batches:
                files.write(batches)
    return files.rows
