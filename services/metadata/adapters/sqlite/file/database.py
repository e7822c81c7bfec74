"""Opens the database file: takes the lock, checks that it is the right file, and counts commits."""

import logging
import os
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from services.metadata.adapters.sqlite.file import faults, survey
from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.file.marker import (
    Marker,
    MarkerFile,
    boot_id,
    marker_path,
    new_marker,
)
from services.metadata.adapters.sqlite.file.ownership import Ownership
from services.metadata.adapters.sqlite.file.survey import Identity
from services.shared.errors import StartupError
from services.shared.ids import new_uuid
from services.shared.store_url import Synchronous

# The count comes from memory: adding one in SQL, and returning it, takes twice as long.
_COUNT: Final = "UPDATE store SET commits = ? WHERE row = 1"
_log = logging.getLogger(__name__)


class Database:
    """The connection that writes, with the lock and the marker of the file.

    `max_bytes` is the limit of the file; 0 for the whole disk. StartupError if the file cannot be opened.
    """

    def __init__(self, path: Path, synchronous: Synchronous, max_bytes: int = 0) -> None:
        # SQLite follows links as well, and keeps its other files beside the real file.
        self.path = path.resolve()
        self.max_bytes = max_bytes
        with ExitStack() as stack:
            try:
                self._open(synchronous, stack)
            except (OSError, sqlite3.Error) as error:
                raise StartupError(f"cannot open the database {path}: {self._explain(error)}") from None
            stack.pop_all()

    def _open(self, synchronous: Synchronous, stack: ExitStack) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = survey.find_marker(self.path)
        self._ownership = Ownership(self.path)
        stack.callback(self._ownership.close)
        identity = survey.read_identity(self.path)
        if marker is not None:
            survey.check_identity(self.path, marker, identity)
        # True if the previous process, or the machine, did not stop in order.
        self.interrupted = marker is not None and not marker.stopped
        self.connection = open_writer(self.path, synchronous, self.max_bytes)
        stack.callback(self.connection.close)
        identity = identity or self._assign_identity(marker)
        self._commits = identity.commits
        self._marker = self._open_marker(marker, identity, flushed=synchronous == "FULL")

    def _assign_identity(self, marker: Marker | None) -> Identity:
        """Give the database an id, the one of the marker if there is one."""
        identity = Identity((marker and marker.store) or new_uuid(), 0)
        self.connection.execute("INSERT INTO store (row, id, commits) VALUES (1, ?, ?)", identity)
        # Moves it from the log into the file, so that a file without its log can be recognised.
        self.connection.execute("PRAGMA wal_checkpoint").fetchall()
        return identity

    def _open_marker(self, marker: Marker | None, identity: Identity, *, flushed: bool) -> MarkerFile:
        current = new_marker(*identity, flushed=flushed)
        if marker is not None and marker.store:
            current = current._replace(created=marker.created)
        file = MarkerFile(marker_path(self.path), current._replace(boot=boot_id()))
        try:
            file.open()
        except OSError as error:
            # The older marker stays valid: it counts no more commits than there are.
            _log.warning("cannot note that the store runs", extra={"reason": error.strerror})
        return file

    def _explain(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return error.strerror or str(error)
        fault = faults.engine_fault(error, self.path)
        return f"{error} ({fault.summary})" if fault and fault.reason in faults.REFUSALS else str(error)

    def count_commit(self) -> int:
        """Count the commit of the current transaction in the database; returns the count."""
        commits = self._commits + 1
        if self.connection.execute(_COUNT, (commits,)).rowcount != 1:
            raise sqlite3.DatabaseError("the database has lost its id")
        return commits

    def note_commit(self, commits: int) -> None:
        """Note in memory and in the marker that the commit with this count is done."""
        self._commits = commits
        self._marker.count(commits)

    def free_bytes(self) -> int | None:
        """The bytes by which the file can grow; None if unknown."""
        free = self.free_on_disk()
        if free is None or not self.max_bytes:
            return free
        with suppress(OSError):
            return min(free, max(0, self.max_bytes - self.path.stat().st_size))
        return None

    def free_on_disk(self) -> int | None:
        """The free bytes of the disk; None if unknown."""
        with suppress(OSError):
            disk = os.statvfs(self.path.parent)
            return disk.f_bavail * disk.f_frsize
        return None

    def in_place(self) -> bool:
        """True if the file and its log are in place. Otherwise writes are lost when the process ends."""
        return self._ownership.in_place() and survey.log_path(self.path).exists()

    def close(self) -> None:
        """Close the file, into which SQLite moves the log; then release the lock."""
        stopped = False
        with suppress(sqlite3.Error):
            self.connection.close()
            stopped = True
        self._marker.close(stopped=stopped)
        self._ownership.close()
