"""Which transactions this process has open, kept in a file that outlives it.

A process that is killed leaves its transactions open, and the rows they changed conflict with all other
writers until the database ends them, which may take minutes. The next process that starts with the same
folder ends them at once. A file system on the same machine is enough: what matters is killed processes,
not lost machines.
"""

import fcntl
import logging
import mmap
import os
import secrets
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.shared.errors import StartupError

# Transactions that are noted at a time; more are simply not.
_PLACES: Final = 512
_NUMBER: Final = struct.Struct("<Q")
_SIZE: Final = _PLACES * _NUMBER.size
_SUFFIX: Final = ".transactions"

_log = logging.getLogger(__name__)


class Journal:
    """Notes transactions of one process. Thread-safe.

    The file is locked for as long as the process lives, which is how others know that it does. What is
    written to the map is the kernel's at once, so a kill loses none of it.
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

    def begun(self, txid: int) -> int | None:
        """Note a transaction; the place to give back when it has ended."""
        try:
            place = self._free.popleft()
        except IndexError:
            return None
        _NUMBER.pack_into(self._map, place * _NUMBER.size, txid)
        return place

    def ended(self, place: int | None) -> None:
        """The transaction at a place needs nobody any more."""
        if place is not None:
            _NUMBER.pack_into(self._map, place * _NUMBER.size, 0)
            self._free.append(place)

    def close(self) -> None:
        """Leave nothing behind."""
        self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


def end_abandoned(folder: Path, end: Callable[[int], bool]) -> int:
    """End what dead processes left open in the folder; how many transactions were.

    `end` says whether a transaction has ended; of one that has not, the note is kept.
    """
    count = 0
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        # It may be gone by now: others look here too.
        with suppress(FileNotFoundError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                count += _end_all(path, file, end)
            finally:
                os.close(file)
    if count:
        _log.warning("ended transactions that killed processes left open", extra={"count": count})
    return count


def _end_all(path: Path, file: int, end: Callable[[int], bool]) -> int:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # its process lives
    ended = [end(txid) for txid in _noted(os.read(file, _SIZE))]
    if all(ended):
        path.unlink(missing_ok=True)
    return sum(ended)


def _noted(content: bytes) -> Iterator[int]:
    whole = len(content) - len(content) % _NUMBER.size
    return (txid for (txid,) in _NUMBER.iter_unpack(content[:whole]) if txid)
