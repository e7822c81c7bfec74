"""Checks backups of tables on VAST: the checksums, the columns, and the number of rows."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.folder import check_files
from services.metadata.adapters.backup.manifest import Manifest, check_engine, read_manifest
from services.metadata.adapters.vast.backup.parquet import columns_of, rows_of, table_of
from services.metadata.adapters.vast.schema import TABLES


def check(folder: Path) -> Manifest:
    """The manifest of a backup whose files are intact. BackupFailed if they are not."""
    manifest = read_manifest(folder)
    check_engine(manifest, "vast")
    check_content(folder, manifest)
    return manifest


def check_content(folder: Path, manifest: Manifest) -> None:
    """BackupFailed unless the files have the content, the rows and the columns of the manifest."""
    check_files(folder, manifest)
    rows: Counter[str] = Counter()
    for file in manifest.files:
        rows[table_of(file.name)] += rows_of(folder / file.name)
    if rows != manifest.tables or "flows" not in rows:
        raise BackupFailed("the manifest and the tables of the backup differ")
    for table in rows:
        _check_columns(table, columns_in(folder, manifest, table))


def columns_in(folder: Path, manifest: Manifest, table: str) -> pa.Schema:
    """The columns of a table, which are the same in all of its files."""
    found = {columns_of(folder / file.name) for file in manifest.files if table_of(file.name) == table}
    if len(found) != 1:
        raise BackupFailed(f"the files of the table {table} have different columns")
    return found.pop()


def _check_columns(table: str, columns: Iterable[pa.Field]) -> None:
    spec = TABLES.get(table)
    types = {field.name: field.type for field in spec.columns} if spec else {}
    for field in columns:
        if types.get(field.name, field.type) != field.type:
            raise BackupFailed(
                f"the backup has the type {field.type} for {table}.{field.name}, not {types[field.name]}"
            )
