"""Puts the database of a backup in place, where there is none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.folder import check_file, copy_file, flush
from services.metadata.adapters.backup.manifest import Manifest, check_engine, read_manifest
from services.metadata.adapters.sqlite.backup.copying import DATABASE, compare
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.metadata.adapters.sqlite.file.marker import marker_path
from services.metadata.adapters.sqlite.file.survey import log_path


def restore(folder: Path, database: Path) -> Manifest:
    """Copy the database of a backup to `database`. The file appears when it is complete and checked.

    BackupFailed if the backup is damaged, of a newer version or of another engine, or if there is a database.
    """
    manifest = read_manifest(folder)
    _check_manifest(manifest)
    database = database.absolute()
    try:
        check_vacant(database)
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _beside(database) as copy:
            found = copy_file(folder / DATABASE, copy)
            check_file(folder / DATABASE, found, manifest.files[0])
            compare(copy, manifest)
            # Unlike a rename, it does not replace a file that has appeared meanwhile.
            os.link(copy, database)
        flush(database.parent)
    except FileExistsError:
        raise BackupFailed(f"{database} exists; a backup does not replace it") from None
    except OSError as error:
        raise BackupFailed(f"cannot restore {database}: {error.strerror or error}") from None
    return manifest


def check_vacant(database: Path) -> None:
    """BackupFailed if there is a database, or a file that belongs to one."""
    files = (database, log_path(database), marker_path(database), database.with_name(f"{database.name}-shm"))
    for file in files:
        if file.exists() or file.is_symlink():
            raise BackupFailed(
                f"{file} exists; a backup does not replace a store: stop it, and move {database.name},"
                f" {database.name}-wal, {database.name}-shm and {marker_path(database).name} out of the way"
            )


def _check_manifest(manifest: Manifest) -> None:
    check_engine(manifest, "sqlite")
    if manifest.schema_version > SCHEMA_VERSION:
        raise BackupFailed(
            f"the backup has schema version {manifest.schema_version}, newer than this program,"
            f" which has {SCHEMA_VERSION}; update the program"
        )
    if [file.name for file in manifest.files] != [DATABASE]:
        raise BackupFailed(f"the backup does not consist of {DATABASE}")


@contextmanager
def _beside(database: Path) -> Iterator[Path]:
    """A new file beside the database, readable for its owner alone; it is removed at the end."""
    descriptor, name = tempfile.mkstemp(dir=database.parent, prefix=f".{database.name}.")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
