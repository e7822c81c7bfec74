"""Turns of writers: quick and slow changes write at the same time, unless a slow one needs to be alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that many threads share, or that one thread has alone. That one goes before later threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shared = 0  # threads that share the lock
        self._exclusive = 0  # threads that have the lock alone, or wait for that

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Share the lock, once no thread has it alone or waits for that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._exclusive)
            self._shared += 1
        try:
            yield
        finally:
            with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Have the lock alone. Only one thread at a time may call this."""
        with self._changed:
            self._exclusive += 1
            self._changed.wait_for(lambda: not self._shared)
        try:
            yield
        finally:
            with self._changed:
                self._exclusive -= 1
                self._changed.notify_all()
