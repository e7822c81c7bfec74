"""Limits the attempts to guess the password of a user."""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from services.shared.errors import Exhausted

# Wrong passwords of one user within the window before the user is blocked.
MAX_WRONG: Final = 10
WINDOW_SECONDS: Final = 60.0
# Each further wrong password doubles the time, which begins with a second.
LONGEST_BLOCK_SECONDS: Final = 60.0
# Filling this takes many hashes, so an attacker cannot push out a user within the window.
MAX_USERS: Final = 10_000


class _Record(NamedTuple):
    # The times of the last attempts that were wrong, or whose result is not known yet.
    times: tuple[float, ...] = ()
    # The number of blocks in a row, and the end of the last one.
    blocks: int = 0
    until: float = 0.0


class Attempts:
    """The recent wrong passwords of each user, whether the user exists or not. For one event loop."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def begin(self, user: str) -> None:
        """Count an attempt, which is wrong until `succeed`. Exhausted TOO_MANY_ATTEMPTS while blocked."""
        now = self._clock()
        record = self._records.get(user, _Record())
        if now < record.until:
            seconds = math.ceil(record.until - now)
            raise Exhausted(
                f"too many wrong passwords for this user; try again in {seconds} s",
                reason="TOO_MANY_ATTEMPTS",
                retry_after_seconds=str(seconds),
            )
        self._records[user] = _counted(record, now)
        self._records.move_to_end(user)
        if len(self._records) > MAX_USERS:
            self._records.popitem(last=False)

    def succeed(self, user: str) -> None:
        """Forget the wrong passwords of a user, because the right one was given."""
        self._records.pop(user, None)


def _counted(record: _Record, now: float) -> _Record:
    """The record after another attempt."""
    if now - record.until >= WINDOW_SECONDS:
        record = record._replace(blocks=0)
    recent = (time for time in record.times if now - time < WINDOW_SECONDS)
    times = (*recent, now)[-MAX_WRONG:]
    if not record.blocks and len(times) < MAX_WRONG:
        return record._replace(times=times)
    seconds = min(2.0**record.blocks, LONGEST_BLOCK_SECONDS)
    return _Record(times, min(record.blocks + 1, MAX_WRONG), now + seconds)
