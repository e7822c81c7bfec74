"""Copies a database file while a service writes it.

The pages are copied within one read transaction, so the copy is the state at its begin, and writers do not
wait. Meanwhile the write-ahead log grows, because SQLite keeps what the transaction still has to read.
"""

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.folder import check_files, new_folder, stored_file
from services.metadata.adapters.backup.manifest import (
    Manifest,
    check_engine,
    now,
    read_manifest,
    write_manifest,
)
from services.metadata.adapters.sqlite.file.connection import open_reader
from services.metadata.adapters.sqlite.file.damage import find_damage

DATABASE: Final = "tams.db"
# Pages of 8 KiB that are copied between two looks for Ctrl-C.
_PAGES: Final = 1024
_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


def back_up(database: Path, folder: Path) -> Manifest:
    """Write a backup of the database into a new folder. BackupFailed if that fails; then it is not there."""
    if not database.is_file():
        raise BackupFailed(f"there is no database {database}")
    with new_folder(folder) as fresh:
        copy = fresh / DATABASE
        try:
            _copy(database, copy)
        except sqlite3.Error as error:
            raise BackupFailed(f"cannot copy the database {database}: {error}") from None
        manifest = describe(copy)
        write_manifest(fresh, manifest)
    return manifest


def check(folder: Path) -> Manifest:
    """The manifest of a backup whose files are intact. BackupFailed if they are not."""
    manifest = read_manifest(folder)
    check_engine(manifest, "sqlite")
    check_files(folder, manifest)
    compare(folder / DATABASE, manifest)
    return manifest


def describe(copy: Path) -> Manifest:
    """The manifest of a copy of a database. BackupFailed if it is damaged, or not one of a store."""
    try:
        damage = find_damage(copy, math.inf)
        if damage.found:
            raise BackupFailed(f"the database is damaged: {damage.found[0]}; see `tams doctor`")
        with closing(open_reader(copy)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            names = sorted(name for (name,) in connection.execute(_TABLES))
            rows = {name: _count(connection, name) for name in names}
            store = connection.execute("SELECT id FROM store").fetchone() if "store" in names else None
    except sqlite3.Error as error:
        raise BackupFailed(f"cannot read {copy}: {error}") from None
    if "flows" not in names:
        raise BackupFailed("the database has no tables of a store")
    return Manifest(
        engine="sqlite",
        schema_version=version,
        created=now(),
        store=store[0] if store else "",
        tables=rows,
        files=[stored_file(copy)],
    )


def compare(copy: Path, manifest: Manifest) -> None:
    """BackupFailed unless the copy has the version and the rows of the manifest."""
    found = describe(copy)
    if (found.schema_version, found.tables) != (manifest.schema_version, manifest.tables):
        raise BackupFailed("the manifest and the tables of the backup differ")


def _copy(database: Path, copy: Path) -> None:
    copy.touch(0o600)
    with closing(open_reader(database)) as source, closing(sqlite3.connect(copy)) as target:
        target.execute("PRAGMA synchronous = OFF")
        # Without a transaction of its own, SQLite would begin again with each commit of another process.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(target, pages=_PAGES)
        source.execute("ROLLBACK")
        # A file without a write-ahead log can be read from a medium that cannot be written.
        target.execute("PRAGMA journal_mode = DELETE")


def _count(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])
