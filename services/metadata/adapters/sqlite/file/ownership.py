"""Ensures that only one process writes a database file, whatever path leads to it."""

import fcntl
import os
from pathlib import Path

from services.shared.errors import StartupError


class Ownership:
    """A lock on the file itself. It ends with the process, however the process ends.

    It is of another kind than SQLite's locks, so other processes can read. Open it before SQLite opens the
    file, and close it after SQLite does: closing a file releases the locks that SQLite has on it.
    StartupError if another process has the lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Only the owner may read and write. SQLite creates its other files with the same mode.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StartupError(f"the database {path} is in use by another metadata service") from None

    def in_place(self) -> bool:
        """True if the path still leads to the open file."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except OSError:
            return False

    def close(self) -> None:
        """Release the lock."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
