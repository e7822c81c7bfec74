"""Logs failing subscribers: the first failure, another reason, reminders and the recovery.

The number of lines stays small, however many subscribers fail and however often their state changes.
"""

import logging
import time
from typing import Final

_log = logging.getLogger(__name__)

# For all subscribers together: this many lines at once, and one more after each interval.
_BURST: Final = 20
_LINE_SECONDS: Final = 5.0
# The time between two lines about failures of one subscriber; it about doubles with each line.
_FIRST_QUIET_SECONDS: Final = 10.0
_LONGEST_QUIET_SECONDS: Final = 3600.0


class LineBudget:
    """The lines that may be logged for all subscribers together."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._counted = time.monotonic()
        self._suppressed = 0

    def warn(self, message: str, **fields: object) -> None:
        """Log a warning, or suppress it if the budget is used up.

        The next line that is logged has the number of suppressed lines.
        """
        self._write(logging.WARNING, message, fields)

    def inform(self, message: str, **fields: object) -> None:
        """Like `warn`, at level INFO."""
        self._write(logging.INFO, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        now = time.monotonic()
        self._left = min(self._left + (now - self._counted) / _LINE_SECONDS, _BURST)
        self._counted = now
        if self._left < 1:
            self._suppressed += 1
            return
        self._left -= 1
        suppressed = {"suppressed_lines": self._suppressed} if self._suppressed else {}
        _log.log(level, message, extra=fields | suppressed)
        self._suppressed = 0


class FailureLog:
    """The log of one subscriber."""

    def __init__(self, budget: LineBudget, webhook_id: str) -> None:
        self._budget = budget
        self._webhook_id = webhook_id
        self._quiet_seconds = 0.0
        self._written = -_LONGEST_QUIET_SECONDS
        self._error = ""
        self._is_logged_as_failing = False

    def failed(self, error: str, attempts: int) -> None:
        """Log a failed attempt, unless a similar line is recent. `attempts` counts the failures so far."""
        quiet = time.monotonic() - self._written
        has_other_reason = error != self._error and quiet >= _FIRST_QUIET_SECONDS
        if quiet < self._quiet_seconds and not has_other_reason:
            return
        self._lengthen_quiet(quiet)
        self._error, self._is_logged_as_failing = error, True
        self._budget.warn("a webhook fails", webhook=self._webhook_id, reason=error, failed_attempts=attempts)

    def recovered(self) -> None:
        """Log the recovery if the failure was logged."""
        if self._is_logged_as_failing:
            self._is_logged_as_failing = False
            self._budget.inform("a webhook works again", webhook=self._webhook_id)

    def _lengthen_quiet(self, quiet: float) -> None:
        """Double the time until the next line; start again if the last line is long ago."""
        if quiet > 2 * self._quiet_seconds + _LONGEST_QUIET_SECONDS / 6:
            self._quiet_seconds = 0.0
        doubled = max(2 * self._quiet_seconds, _FIRST_QUIET_SECONDS)
        self._quiet_seconds = min(doubled, _LONGEST_QUIET_SECONDS)
        self._written = time.monotonic()
