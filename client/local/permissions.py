"""Closes the files of the data directory to other users."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from client.local.output.terminal import print_status

_OTHERS: Final = 0o077
# The files of a store; its setting names the database.
OWN: Final = (
    "lock",
    "logs",
    "objects",
    "objects.json",
    "ports.json",
    "secrets",
    "storage.json",
    "transactions",
)


def tighten(root: Path, database: str) -> None:
    """Close the user's files to others. Entries that do not belong to the store stay as they are."""
    is_own = {entry: _is_own(entry.name, database) for entry in root.iterdir()}
    for entry in _below(entry for entry, own in is_own.items() if own):
        _close(entry)
    if all(is_own.values()):
        _close(root)
    if _is_open(root):
        print_status(
            f"data directory {root} is open to other users: it has another owner or holds other files,"
            " so its permissions stay as they are"
        )


def _is_own(name: str, database: str) -> bool:
    return name in OWN or name.startswith((database, f".{database}"))


def _below(entries: Iterable[Path]) -> Iterator[Path]:
    for entry in entries:
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            for folder, folders, files in os.walk(entry):
                yield from (Path(folder, name) for name in (*folders, *files))


def _close(path: Path) -> None:
    try:
        status = path.lstat()
        own = status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if own and status.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
    except FileNotFoundError:
        return  # object storage removes files at any time


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)
