"""Notices that files have changed, so that they can be read again without a restart."""

import os
from collections.abc import Iterable
from typing import NamedTuple


class _State(NamedTuple):
    inode: int
    size: int
    modified_ns: int


class WatchedFiles:
    """Files whose state is remembered. Links are followed, so a link to another file is a change too.

    Make the object before the files are read, so that a change in between is noticed.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._states = self._look()

    def have_changed(self) -> bool:
        """True if a file has changed since the last call, or since the object was made."""
        before, self._states = self._states, self._look()
        return before != self._states

    def _look(self) -> list[_State | None]:
        return [_state(path) for path in self._paths]


def _state(path: str) -> _State | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - called for many connections and calls; Path costs twice as much
    except OSError:
        return None
    return _State(found.st_ino, found.st_size, found.st_mtime_ns)
