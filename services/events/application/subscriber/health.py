"""The health of one subscriber: whether it accepts messages, and when to try again."""

import asyncio
import time
from typing import Final

from services.events.application.backoff import Backoff
from services.events.application.failure_log import FailureLog
from services.events.application.ports import Undelivered

# A subscriber that answers may refuse some keys and accept others. It fails if it refuses this many in a row.
_KEYS_REFUSED: Final = 3


class SubscriberHealth:
    """The health of one subscriber. It outlives the tasks that serve the subscriber.

    `working` is True if it accepted the last message, `failing` if it fails as a whole; both are False while
    it is new. `failing_since_ns` is the time of its first refusal in nanoseconds since 1970, 0 if there is
    none that still counts.
    """

    def __init__(self, backoff: Backoff, log: FailureLog) -> None:
        self._backoff = backoff
        self._log = log
        self.working = False
        self.failing = False
        self.last_error = ""
        self.failed_attempts = 0
        self.failing_since_ns = 0
        # Keys of which the last message was refused, and keys that were refused since the last success.
        self._refused: set[str] = set()
        self._in_a_row: set[str] = set()
        self._pauses = 0
        self._due = 0.0
        self._accepted = 0.0

    @property
    def has_refusals(self) -> bool:
        """True if some key was refused and not accepted since."""
        return bool(self._refused)

    def record_success(self, key: str) -> None:
        """Note that a message of the key was accepted."""
        self._accepted = time.monotonic()
        if self.working and not self._refused and not self._in_a_row:
            return
        self.working, self.failing = True, False
        self._pauses = 0
        self._in_a_row.clear()
        self.record_given_up(key)

    def record_given_up(self, key: str) -> None:
        """Note that the refused message of the key will not be sent again."""
        self._refused.discard(key)
        if not self._refused and self.failing_since_ns and self.working:
            self.failing_since_ns = self.failed_attempts = 0
            self._log.recovered()

    def record_refusal(self, key: str, refusal: Undelivered, started: float) -> None:
        """Note that a message was refused in an attempt that started at this monotonic time."""
        self.last_error = str(refusal)
        self.failed_attempts += 1
        self.failing_since_ns = self.failing_since_ns or time.time_ns()
        self._refused.add(key)
        self._log.failed(self.last_error, self.failed_attempts)
        if self._accepted > started:
            return
        self._in_a_row.add(key)
        if self.failing or not refusal.answered or len(self._in_a_row) >= _KEYS_REFUSED:
            self.failing, self.working = True, False
            self._pauses += 1
            self._due = time.monotonic() + self._backoff.pause(self._pauses)
            self._in_a_row.clear()

    async def wait_until_due(self) -> None:
        """Wait until a failing subscriber may be tried again."""
        await asyncio.sleep(max(self._due - time.monotonic(), 0))
