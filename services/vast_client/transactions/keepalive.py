"""Keeps long transactions alive with regular requests, because the database ends idle transactions."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from services.vast_client.endpoints.background import Background

# The clients of VAST send a request every minute. Most transactions end long before that.
_SECONDS: Final = 30.0
_CHECK_SECONDS: Final = 10.0


class KeepAlive:
    """Sends a request for each transaction that is open for long. Thread-safe.

    `send` sends it for a transaction number and returns True if it was answered.
    """

    def __init__(
        self,
        send: Callable[[int], bool],
        clock: Callable[[], float] = monotonic,
        *,
        threaded: bool = True,
    ) -> None:
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        # The time of the last request of each open transaction, or of its begin.
        self._last_sent: dict[int, float] = {}
        self._is_running = False
        self._background = Background("vast-keep-alive", self.once, threaded=threaded)

    def add(self, txid: int) -> None:
        """Keep a transaction alive from now on."""
        with self._lock:
            self._last_sent[txid] = self._clock()
            starts, self._is_running = not self._is_running, True
        if starts:
            self._background.wake()

    def remove(self, txid: int) -> None:
        """Stop keeping a transaction alive, because it has ended."""
        with self._lock:
            self._last_sent.pop(txid, None)

    def once(self) -> float:
        """Send the requests that are due; returns the seconds until the next check."""
        now = self._clock()
        with self._lock:
            due = [txid for txid, sent in self._last_sent.items() if now - sent >= _SECONDS]
        for txid in due:
            is_answered = self._send(txid)
            with self._lock:
                if is_answered and txid in self._last_sent:
                    self._last_sent[txid] = now
        return _CHECK_SECONDS

    def close(self) -> None:
        """Stop."""
        self._background.stop(_CHECK_SECONDS / 10)
