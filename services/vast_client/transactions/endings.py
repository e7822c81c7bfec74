"""Ends transactions that may still be open although they are no longer used, as soon as an endpoint answers.

A transaction whose end was not answered locks the rows that it changed, also for the next change of this
process, until the database ends it, which may take minutes.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, NamedTuple

from services.vast_client.connections.connections import deadline
from services.vast_client.endpoints.background import Background

# More are left to the journal, or to the time limit of the database.
_MAX_WAITING: Final = 10_000
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 1.0
# The time that the next change waits for them, and that the end of the process waits for running requests.
_SETTLE_SECONDS: Final = 1.5
_CLOSE_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    wrote: bool
    forget: Callable[[], None]


class Endings:
    """The transactions that wait to be ended. Thread-safe.

    `end` rolls back a transaction and returns True if it has ended; then `forget` of that one is called.
    """

    def __init__(self, end: Callable[[int], bool], *, threaded: bool = True) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._is_full = False
        self._wait = _FIRST_WAIT
        self._background = Background("vast-endings", self.once, threaded=threaded)

    def add(self, txid: int, *, wrote: bool, forget: Callable[[], None] = lambda: None) -> None:
        """End a transaction soon; `wrote` is True if it may lock rows."""
        with self._lock:
            self._waiting[txid] = _Waiting(wrote, forget)
            is_full = len(self._waiting) > _MAX_WAITING
            if is_full:
                self._waiting.popitem(last=False)
        if is_full and not self._is_full:
            _log.warning("there are too many transactions to end: the database must end some")
        self._is_full = is_full
        self._wait = _FIRST_WAIT
        self._background.wake()

    def settle(self) -> bool:
        """End transactions that may lock rows, before the next change; True if all have ended.

        It takes at most 1.5 s.
        """
        if not self._waiting:
            return True
        with deadline(_SETTLE_SECONDS):
            return self._end_all(only_written=True)

    def once(self) -> float | None:
        """Try to end all; returns the seconds until the next try, None if all have ended."""
        if self._end_all(only_written=False):
            self._wait = _FIRST_WAIT
            return None
        self._wait = min(_LONGEST_WAIT, self._wait * 2)
        return self._wait

    def count(self) -> int:
        """The number of transactions that wait to be ended."""
        return len(self._waiting)

    def close(self) -> None:
        """Try to end all once more and stop. The journal keeps those that have not ended."""
        self._background.stop(_CLOSE_SECONDS)
        with deadline(_CLOSE_SECONDS):
            self._end_all(only_written=False)

    def _end_all(self, *, only_written: bool) -> bool:
        with self._lock:
            txids = [txid for txid, waiting in self._waiting.items() if waiting.wrote or not only_written]
        return all(self._end_one(txid) for txid in txids)

    def _end_one(self, txid: int) -> bool:
        if not self._end(txid):
            with self._lock, suppress(KeyError):
                self._waiting.move_to_end(txid)
            return False
        with self._lock:
            ended = self._waiting.pop(txid, None)
        if ended is not None:
            ended.forget()
        return True


def try_until(action: Callable[[], bool], seconds: float) -> bool:
    """Repeat the action until it returns True or the time is over; False if it did not succeed."""
    until = monotonic() + seconds
    wait = threading.Event()
    pause = _FIRST_WAIT
    while not action():
        if monotonic() + pause > until:
            return False
        wait.wait(pause)
        pause = min(_LONGEST_WAIT, pause * 2)
    return True
