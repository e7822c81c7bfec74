"""Remembers why writes fail at present, and logs when they begin to fail and when they work again."""

import logging
import time
from typing import Final

from services.metadata.adapters.sqlite.file.faults import GONE, REFUSALS
from services.shared.errors import TamsError, Unavailable

# A disk that is nearly full refuses only some writes, so the next line is logged after this time.
_QUIET_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class Refusal:
    """The error with which writes fail at present; None if they work. Writes are still tried meanwhile."""

    def __init__(self) -> None:
        self.error: TamsError | None = None
        self._logged = False
        self._logged_at = -_QUIET_SECONDS

    def note(self, error: TamsError) -> None:
        """Remember that a write failed, if the error is a refusal."""
        if error.reason not in REFUSALS:
            return
        is_new = self.error is None or self.error.reason != error.reason
        self.error = error
        if (is_new or not self._logged) and time.monotonic() - self._logged_at >= _QUIET_SECONDS:
            _log.error(
                "writes are refused, reads continue: %s", error.summary, extra={"reason": error.reason}
            )
            self._logged, self._logged_at = True, time.monotonic()

    def lift(self) -> None:
        """Forget the error, because there is room again: a small write alone may succeed on a full disk."""
        if self.error is None:
            return
        self.error = None
        if self._logged:
            self._logged = False
            _log.warning("writes work again")

    def check(self) -> None:
        """Unavailable DATABASE_GONE if the files were removed, so that a write would be lost."""
        if self.error is not None and self.error.reason == GONE:
            raise Unavailable(self.error.summary, reason=GONE)
