"""A journal of the open transactions of a process, in a file that outlives it.

A killed process leaves its transactions open. The rows that they changed stay locked until the database ends
them, which may take minutes. The next process that starts with the same folder ends them at once. The folder
may be local to the machine, because the journal is for killed processes, not for lost machines.
"""

import fcntl
import mmap
import os
import secrets
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.shared.errors import StartupError

# The most transactions in the journal. Others are not ended after a kill.
_PLACES: Final = 512
_NUMBER: Final = struct.Struct("<Q")
_SIZE: Final = _PLACES * _NUMBER.size
_SUFFIX: Final = ".transactions"


class Journal:
    """The open transactions of this process. Thread-safe. StartupError if the file cannot be created.

    The process locks the file while it lives, so that others can see that it does. The file is mapped into
    memory, so a kill loses nothing that was written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            os.ftruncate(self._file, _SIZE)
            self._map = mmap.mmap(self._file, _SIZE)
        except OSError as error:
            raise StartupError(f"cannot note open transactions in {folder}: {error.strerror}") from None
        self._free = deque(range(_PLACES))

    def add(self, txid: int) -> int | None:
        """Note a transaction; returns its place in the file, None if the journal is full."""
        try:
            place = self._free.popleft()
        except IndexError:
            return None
        _NUMBER.pack_into(self._map, place * _NUMBER.size, txid)
        return place

    def remove(self, place: int | None) -> None:
        """Remove the transaction at a place, because it has ended."""
        if place is not None and not self._map.closed:
            _NUMBER.pack_into(self._map, place * _NUMBER.size, 0)
            self._free.append(place)

    def close(self) -> None:
        """Close the file. It stays for the next process if transactions are open, else it is removed."""
        if len(self._free) == _PLACES:
            self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


class Abandoned:
    """The open transactions of a killed process, `txids`. Thread-safe.

    Its file stays locked, so that no other process ends them too, and is removed when all have ended.
    """

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file
        self._lock = threading.Lock()
        self.txids = list(dict.fromkeys(_noted(os.read(file, _SIZE))))
        self._open = set(self.txids)
        self._remove_file_if_done()

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
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
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


def _noted(content: bytes) -> Iterator[int]:
    whole = len(content) - len(content) % _NUMBER.size
    return (txid for (txid,) in _NUMBER.iter_unpack(content[:whole]) if txid)
