"""Repeats work in a thread of its own until it is stopped."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

_log = logging.getLogger(__name__)
_AFTER_FAILURE = 1.0


class Background:
    """Repeats `work`, which returns the seconds until the next time, or None to wait for `wake`.

    The daemon thread starts with the first `wake`. Without `threaded` there is no thread, for callers that do
    the work themselves.
    """

    def __init__(self, name: str, work: Callable[[], float | None], *, threaded: bool = True) -> None:
        self._name = name
        self._work = work
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._woken = False
        self._stopped = not threaded

    def wake(self) -> None:
        """Do the work now."""
        with self._condition:
            self._woken = True
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify()

    def stop(self, seconds: float) -> None:
        """End the thread; wait at most `seconds` for work in progress."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

    def _run(self) -> None:
        wait: float | None = 0.0
        while self._wait(wait):
            try:
                wait = self._work()
            except Exception:  # noqa: BLE001 - an error must not end the thread
                _log.warning("%s failed and will be tried again", self._name, exc_info=True)
                wait = _AFTER_FAILURE

    def _wait(self, seconds: float | None) -> bool:
        """Wait for the time or for `wake`; False if the thread is to end."""
        until = None if seconds is None else monotonic() + seconds
        with self._condition:
            while not (self._woken or self._stopped):
                left = None if until is None else until - monotonic()
                if left is not None and left <= 0:
                    break
                self._condition.wait(left)
            self._woken = False
            return not self._stopped
