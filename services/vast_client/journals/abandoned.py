"""The journals of killed processes, whose transactions others end."""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from services.vast_client.journals.journal import SIZE, journals, noted


class Abandoned:
    """The open transactions of a killed process, `txids`. Thread-safe.

    Its file stays locked, so that no other process ends them too, and is removed when all have ended.
    """

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file
        self._lock = threading.Lock()
        self.txids = list(dict.fromkeys(noted(os.read(file, SIZE))))
        self._open = set(self.txids)
        self._remove_file_if_done()

    @property
    def is_done(self) -> bool:
        """True if all have ended, or the file is left to the next process."""
        return self._file < 0

    def remove(self, txid: int) -> None:
        """Note that a transaction has ended."""
        with self._lock:
            self._open.discard(txid)
            self._remove_file_if_done()

    def close(self) -> None:
        """Leave the file to the next process."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _remove_file_if_done(self) -> None:
        if not self._open and self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def find_abandoned(folder: Path) -> list[Abandoned]:
    """The transactions that killed processes left open in this folder."""
    abandoned = []
    for path in journals(folder):
        # Another process may remove the file at the same time.
        with suppress(FileNotFoundError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if _lock_if_dead(file):
                abandoned.append(Abandoned(path, file))
            else:
                os.close(file)
    return abandoned


def _lock_if_dead(file: int) -> bool:
    """Lock the file and return True if the process that wrote it has ended."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
