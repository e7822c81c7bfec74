"""Decides whether failed work is tried again, when, and on which endpoints."""

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from services.vast_client.connections.connections import time_left
from services.vast_client.failures import (
    Clash,
    CommitUnknown,
    DeadlinePassed,
    Failure,
    Refused,
    Unknown,
    Unreachable,
)

T = TypeVar("T")

# More conflicts than fit into the time. Of a few processes that keep writing the same row, each loses most of
# its attempts, and about one write in a hundred loses ten times in a row.
ATTEMPTS: Final = 100
_FIRST_WAIT: Final = 0.01
_LONGEST_WAIT: Final = 1.0
# A writer that waits longer after a conflict than others take to write loses to them again.
_LONGEST_WAIT_AFTER_CONFLICT: Final = 0.1
_MAX_DOUBLINGS: Final = 10
# While other endpoints refuse, an endpoint counts as dead after this number of failures.
_CHANCES: Final = 2


class Tries:
    """The failures of the tries so far. `attempts` limits conflicts; the deadline limits other failures."""

    def __init__(self, endpoints: int, attempts: int) -> None:
        self._endpoints = endpoints
        self._attempts = attempts
        self._clashes = 0
        self._unknown = 0
        self.rounds = 0
        self._refusals = 0
        self._failures: dict[str, int] = {}
        self._failed: set[str] = set()
        self.refused: set[str] = set()

    @property
    def avoid(self) -> frozenset[str]:
        """The endpoints that have failed in this round, or refused."""
        return frozenset(self._failed | self.refused)

    def worth_another(self, failure: Failure) -> bool:
        """Count a failure; True if another try may succeed."""
        if self._attempts <= 1 or isinstance(failure, CommitUnknown | DeadlinePassed):
            return False
        if isinstance(failure, Refused):
            return self._may_be_accepted_elsewhere(failure)
        if isinstance(failure, Clash):
            self._clashes += 1
            return self._clashes < self._attempts
        # The catalog has cleared its cache, so one more try finds a table or column that exists.
        self._unknown += isinstance(failure, Unknown)
        return isinstance(failure, Unreachable) and self._unknown <= 1

    def wait(self, failure: Failure) -> float:
        """The seconds until the next try; 0 while some endpoint has not failed."""
        # Work that has to be repeated after a lost reply raises a Clash that is caused by it.
        lost = failure.__cause__ if isinstance(failure.__cause__, CommitUnknown) else failure
        if not isinstance(lost, Clash | Refused) and lost.endpoint:
            self._failed.add(lost.endpoint)
            self._failures[lost.endpoint] = self._failures.get(lost.endpoint, 0) + 1
        if len(self.avoid) < self._endpoints and not isinstance(failure, Clash):
            return 0.0
        if len(self.avoid) >= self._endpoints:
            self._failed.clear()
        self.rounds += 1
        longest = _LONGEST_WAIT_AFTER_CONFLICT if isinstance(lost, Clash) else _LONGEST_WAIT
        return random.uniform(0, min(longest, _FIRST_WAIT * 2 ** min(_MAX_DOUBLINGS, self.rounds)))  # noqa: S311

    def _may_be_accepted_elsewhere(self, failure: Refused) -> bool:
        if not failure.endpoint or not failure.witnesses:
            return False
        self.refused.add(failure.endpoint)
        self._refusals += 1
        if len(self.refused) >= min(failure.witnesses, self._endpoints):
            return False
        dead = sum(
            count >= _CHANCES for endpoint, count in self._failures.items() if endpoint not in self.refused
        )
        is_within_chances = self._refusals <= _CHANCES * self._endpoints
        return is_within_chances and len(self.refused) + dead < self._endpoints


def with_retries(tries: Tries, step: Callable[[Tries], T]) -> T:
    """The result of a step. It is repeated after failures if another try may succeed and time is left."""
    while True:
        try:
            return step(tries)
        except Failure as failure:
            if not tries.worth_another(failure):
                raise
            pause = tries.wait(failure)
            if pause >= time_left():
                raise
        time.sleep(pause)
