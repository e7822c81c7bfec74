"""The circuit of one storage backend: it opens after failures in a row, so that nobody waits in vain.

While it is open, requests fail at once. After a pause one request is the probe: if the storage answers it,
the circuit closes, else the pause begins again. Threads may share a circuit.
"""

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from services.shared.errors import Unavailable

REASON: Final = "STORAGE_UNAVAILABLE"


class Circuit:
    """The circuit of the backend with this label; `failures` in a row open it for `seconds`."""

    def __init__(
        self, label: str, failures: int, seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label = label
        self._allowed = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._failed = 0
        # When the next probe may begin; None while the circuit is closed.
        self._probe_from: float | None = None
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """True from the failure that opens the circuit to the answer that closes it."""
        return self._probe_from is not None

    @property
    def refuses(self) -> bool:
        """True if a request that began now would fail at once."""
        probe_from = self._probe_from
        return probe_from is not None and (self._is_probing or self._clock() < probe_from)

    def check(self) -> None:
        """Unavailable STORAGE_UNAVAILABLE if the circuit refuses requests now."""
        if self.refuses:
            raise Unavailable(
                f"storage {self._label} did not answer {self._allowed} requests in a row;"
                f" it is tried again within {self._seconds:g} seconds",
                reason=REASON,
            )

    def begin(self) -> None:
        """Begin a request, which is the probe if the circuit is open. Its end must be reported.

        Unavailable STORAGE_UNAVAILABLE if the circuit refuses requests now.
        """
        with self._lock:
            self.check()
            self._is_probing = self.is_open

    def answered(self) -> bool:
        """Report that the storage answered a request. True if that closed the circuit."""
        with self._lock:
            closed = self.is_open
            self._failed, self._probe_from, self._is_probing = 0, None, False
            return closed

    def failed(self) -> bool:
        """Report a request without an answer that is of use. True if that opened the circuit."""
        with self._lock:
            was_open = self.is_open
            self._failed += 1
            # A request that began before the circuit opened does not make the pause longer.
            if self._is_probing or (not was_open and self._failed >= self._allowed):
                self._probe_from, self._is_probing = self._clock() + self._seconds, False
            return self.is_open and not was_open

    def end_pause(self) -> None:
        """Let the next request be the probe, because a check of the bucket succeeded."""
        with self._lock:
            if self._probe_from is not None:
                self._probe_from = min(self._probe_from, self._clock())


def check_any(circuits: Iterable[Circuit]) -> None:
    """Unavailable STORAGE_UNAVAILABLE if there are circuits, and all of them refuse requests now."""
    refusing = list(circuits)
    if refusing and all(circuit.refuses for circuit in refusing):
        refusing[0].check()
