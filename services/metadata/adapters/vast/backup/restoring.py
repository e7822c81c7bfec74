"""Puts the tables of a backup into a schema without tables of a store.

The rows are inserted in parts, each in a transaction of its own. Until the last one is there, a mark keeps
services from starting. A restore that was stopped continues when it runs again with the same backup.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.manifest import NAME, Manifest, check_engine, read_manifest
from services.metadata.adapters.vast.backup.checking import check_content, columns_in
from services.metadata.adapters.vast.backup.copying import NOT_COPIED
from services.metadata.adapters.vast.backup.parquet import count_parts, read_part, table_of
from services.metadata.adapters.vast.opening import restoration
from services.metadata.adapters.vast.schema import SCHEMA_VERSION, TABLES
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.listing import table_names
from services.vast_client.plans import Kind
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction

# For all tries to insert a part.
_PART_SECONDS: Final = 300.0


def restore(cluster: Cluster, folder: Path) -> Manifest:
    """Insert the rows of a backup into the schema, and close the cluster.

    BackupFailed if the backup is damaged, of a newer version or of another engine, or if the schema has
    tables of a store; and if the cluster fails, after which the same call continues.
    """
    with closing(cluster):
        manifest = read_manifest(folder)
        _check_version(manifest)
        check_content(folder, manifest)
        try:
            _restore(cluster, folder, manifest)
        except Failure as failure:
            raise BackupFailed(f"the restore is not complete; run it again to continue: {failure}") from None
    return manifest


def _check_version(manifest: Manifest) -> None:
    check_engine(manifest, "vast")
    if manifest.schema_version > SCHEMA_VERSION:
        raise BackupFailed(
            f"the backup has schema version {manifest.schema_version}, newer than this program,"
            f" which has {SCHEMA_VERSION}; update the program"
        )
    if unknown := sorted(manifest.tables.keys() - (TABLES.keys() - NOT_COPIED)):
        raise BackupFailed(f"the backup has unknown tables: {', '.join(unknown)}")


def _restore(cluster: Cluster, folder: Path, manifest: Manifest) -> None:
    _check_vacant(cluster)
    backup = hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    begun = restoration.begin(cluster, backup)
    if begun.backup != backup:
        raise BackupFailed(
            "the schema has a part of another backup: complete that restore, or drop the schema"
        )
    if begun.parts == 0:
        _check_no_rows(cluster)
    cluster.catalog.ensure([_spec(folder, manifest, table) for table in manifest.tables])
    for number, (path, part) in enumerate(_parts(folder, manifest)):
        if number >= begun.parts:
            _insert(cluster, number, path, part)
    _check_rows(cluster, manifest.tables)
    restoration.end(cluster)


def _check_vacant(cluster: Cluster) -> None:
    """BackupFailed if the schema has tables of a store that no restore has made."""
    present = cluster.run(lambda transaction: table_names(transaction, cluster.address))
    if restoration.TABLE not in present and (found := sorted(present & TABLES.keys())):
        raise BackupFailed(
            f"the schema {cluster.address.schema} has the table {found[0]}; a backup does not replace a"
            " store: stop it, and drop the schema or name another one in TAMS_STORE_URL"
        )


def _check_no_rows(cluster: Cluster) -> None:
    """BackupFailed if a store has made rows while the restore began."""

    def find(transaction: Transaction) -> list[str]:
        present = table_names(transaction, cluster.address) & TABLES.keys()
        return [table for table in sorted(present) if _has_rows(transaction, table)]

    if found := cluster.run(find):
        restoration.end(cluster)  # It would keep that store from starting again.
        raise BackupFailed(f"a store has written into the table {found[0]}: stop it, and drop the schema")


def _has_rows(transaction: Transaction, table: str) -> bool:
    column = TABLES[table].columns.names[0]
    return bool(transaction.select(table, [column], EVERYTHING, kind=Kind.POINT, limit=1).num_rows)


def _spec(folder: Path, manifest: Manifest, table: str) -> TableSpec:
    """The table as it was. The next start adds the columns and projections of later versions."""
    columns = columns_in(folder, manifest, table)
    return TableSpec(table, columns, TABLES[table].sorted_by)


def _parts(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, int]]:
    for file in manifest.files:
        path = folder / file.name
        for part in range(count_parts(path)):
            yield path, part


def _insert(cluster: Cluster, number: int, path: Path, part: int) -> None:
    rows = read_part(path, part)
    insert = partial(restoration.insert_part, cluster, number=number, table=table_of(path.name), rows=rows)
    cluster.run(insert, budget=_PART_SECONDS)


def _check_rows(cluster: Cluster, tables: Mapping[str, int]) -> None:
    """BackupFailed unless each table has all rows of the backup and no others."""
    with cluster.reading(Kind.SCAN) as transaction:
        for table, expected in tables.items():
            column = TABLES[table].columns.names[0]
            with closing(transaction.stream(table, [column], EVERYTHING)) as batches:
                found = sum(batch.num_rows for batch in batches)
            if found != expected:
                raise BackupFailed(
                    f"the table {table} has {found} rows instead of {expected}: drop the schema, and"
                    " restore again"
                )
