"""Makes the folder of a backup, which appears as a whole or not at all, and checks its files."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.manifest import Manifest, StoredFile

_CHUNK: Final = 1024 * 1024


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write a backup into, closed to other users. At the end it gets the name `path`.

    After an error it is removed. BackupFailed if `path` has content, or the operating system refuses.
    """
    path = path.absolute()
    try:
        _check_vacant(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise BackupFailed(f"cannot make the folder {path}: {error.strerror}") from None
    try:
        yield fresh
        for file in (*fresh.iterdir(), fresh):
            flush(file)
        fresh.rename(path)
        flush(path.parent)
    except OSError as error:
        raise BackupFailed(f"cannot write the backup {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def stored_file(path: Path) -> StoredFile:
    """The file as a manifest describes it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return StoredFile(path.name, path.stat().st_size, digest)


def check_files(folder: Path, manifest: Manifest) -> None:
    """BackupFailed unless each file of the manifest is there with its content."""
    for stored in manifest.files:
        try:
            found = stored_file(folder / stored.name)
        except OSError as error:
            raise BackupFailed(f"cannot read {folder / stored.name}: {error.strerror}") from None
        check_file(folder / stored.name, found, stored)


def check_file(path: Path, found: StoredFile, stored: StoredFile) -> None:
    """BackupFailed if the file that was found at a path has other content than the stored one."""
    if found.bytes != stored.bytes:
        raise BackupFailed(f"{path} is damaged: it has {found.bytes} bytes, and had {stored.bytes}")
    if found.sha256 != stored.sha256:
        raise BackupFailed(f"{path} is damaged: its checksum differs from that in the manifest")


def copy_file(source: Path, target: Path) -> StoredFile:
    """Copy a file to the disk; returns the description of the content that was copied."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, target.open("wb") as copy:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return StoredFile(source.name, size, digest.hexdigest())


def flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_vacant(path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_dir() or any(path.iterdir()):
        raise BackupFailed(f"{path} exists; name a folder that does not")
