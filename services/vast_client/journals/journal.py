"""A journal of the open transactions of a process, in a file that outlives it.

A process that is killed or hangs leaves its transactions open. The rows that they changed stay locked until
the database ends them, which may take minutes. So other processes with the same folder end them: those of a
killed process at their start, and those of any process when they lose rows to it (see `peers`). The folder
must be local, because other machines see changes of mapped files late.

The file has the transaction number of each place, a byte with the state of each place, and a number that a
running process changes a few times a second while it has transactions.
"""

import fcntl
import mmap
import os
import secrets
import struct
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from services.shared.errors import StartupError
from services.vast_client.endpoints.background import Background

# The most transactions in the journal. Others are not ended after a kill.
_PLACES: Final = 512
_NUMBER: Final = struct.Struct("<Q")
_STATES_AT: Final = _PLACES * _NUMBER.size
_BEAT_AT: Final = _STATES_AT + _PLACES
SIZE: Final = _BEAT_AT + _NUMBER.size
_SUFFIX: Final = ".transactions"
_BEAT_SECONDS: Final = 0.25


class State(IntEnum):
    """The use of a transaction in the journal."""

    READING = 0
    WROTE = 1  # it may lock rows
    GIVEN_UP = 2  # its process does not use it any more, but could not end it yet


class Note(NamedTuple):
    """The contents of a file: the open transactions with their states, and the beat of the process."""

    states: dict[int, int]
    beat: int


class Journal:
    """The open transactions of this process. Thread-safe. StartupError if the file cannot be created.

    The process locks the file while it lives, so that others can see that it does. The file is mapped into
    memory, so a kill loses nothing that was written.
    """

    def __init__(self, folder: Path, *, threaded: bool = True) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Others see the file once it is locked: without the lock it would be that of a killed process.
            self._path = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
            hidden = self._path.with_suffix(".new")
            self._file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            os.ftruncate(self._file, SIZE)
            self._map = mmap.mmap(self._file, SIZE)
            hidden.rename(self._path)
        except OSError as error:
            raise StartupError(f"cannot note open transactions in {folder}: {error.strerror}") from None
        self._free = deque(range(_PLACES))
        self._beats = False
        self._background = Background("vast-journal", self.beat, threaded=threaded)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def add(self, txid: int) -> int | None:
        """Note a transaction; returns its place in the file, None if the journal is full."""
        try:
            place = self._free.popleft()
        except IndexError:
            return None
        self._map[_STATES_AT + place] = State.READING
        _NUMBER.pack_into(self._map, place * _NUMBER.size, txid)
        if not self._beats:
            self._beats = True
            self._background.wake()
        return place

    def mark(self, place: int | None, state: State) -> None:
        """Note the state of the transaction at a place."""
        if place is not None and not self._map.closed:
            self._map[_STATES_AT + place] = state

    def beat(self) -> float | None:
        """Show that the process runs; returns the seconds until the next time, None without transactions."""
        # This comes first, so that a transaction that is added meanwhile wakes the thread again.
        self._beats = False
        if len(self._free) == _PLACES or self._map.closed:
            return None
        self._beats = True
        (beat,) = _NUMBER.unpack_from(self._map, _BEAT_AT)
        _NUMBER.pack_into(self._map, _BEAT_AT, (beat + 1) % 2**64)
        return _BEAT_SECONDS

    def remove(self, place: int | None) -> None:
        """Remove the transaction at a place, because it has ended."""
        if place is not None and not self._map.closed:
            _NUMBER.pack_into(self._map, place * _NUMBER.size, 0)
            self._free.append(place)

    def close(self) -> None:
        """Close the file. It stays for the next process if transactions are open, else it is removed."""
        self._background.stop(_BEAT_SECONDS)
        if len(self._free) == _PLACES:
            self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


def journals(folder: Path) -> list[Path]:
    """The files of all processes."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def read_note(path: Path) -> Note:
    """The contents of the file of another process, which may be changing it; nothing if it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if len(content) < SIZE:
        return Note({}, 0)
    txids = (txid for (txid,) in _NUMBER.iter_unpack(content[:_STATES_AT]))
    states = dict(zip(txids, content[_STATES_AT:_BEAT_AT], strict=True))
    states.pop(0, None)
    return Note(states, *_NUMBER.unpack_from(content, _BEAT_AT))


def noted(content: bytes) -> Iterator[int]:
    """The transaction numbers in a file, also in one that was cut off."""
    whole = min(len(content), _STATES_AT) // _NUMBER.size * _NUMBER.size
    return (txid for (txid,) in _NUMBER.iter_unpack(content[:whole]) if txid)
