"""The requests of processes that deliver events, and their limits."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid

_OWNER: Final = re.compile(r"[!-~]{1,200}")
_MAX_KEY: Final = 256
_MAX_BEHIND: Final = 1000
_MAX_DEAD_LETTERS: Final = 1000


class DeadLetter(NamedTuple):
    """An event that could not be delivered: the last error, and the number of attempts."""

    event_id: int
    error: str
    attempts: int


class Pull(NamedTuple):
    """A request for events with an id above `after`, of all flows and sources or only those of `key`.

    0 stands for the default `limit` and `max_bytes`. `wait_ms` is the longest wait for the first event.
    """

    owner: str
    webhook_id: str
    after: int
    limit: int = 0
    wait_ms: int = 0
    key: str = ""
    max_bytes: int = 0

    def check(self) -> None:
        """InvalidArgument BAD_OWNER, BAD_WEBHOOK_ID or OUT_OF_RANGE if a member exceeds its limits."""
        check_owner(self.owner)
        _check_webhook(self.webhook_id)
        for name in ("after", "limit", "wait_ms", "max_bytes"):
            check_not_negative(name, getattr(self, name))
        _check_key(self.key)


def check_owner(owner: str) -> None:
    """InvalidArgument BAD_OWNER unless the name is valid for the owner of a lease."""
    if not _OWNER.fullmatch(owner):
        raise InvalidArgument(
            "an owner has 1 to 200 printable ASCII characters without blanks", reason="BAD_OWNER"
        )


def check_positive(name: str, value: int) -> None:
    """InvalidArgument OUT_OF_RANGE if the value is zero or negative."""
    if value <= 0:
        raise _out_of_range(f"{name} must be positive")


def check_not_negative(name: str, value: int) -> None:
    """InvalidArgument OUT_OF_RANGE if the value is negative."""
    if value < 0:
        raise _out_of_range(f"{name} must not be negative")


def check_acknowledgement(
    owner: str, webhook_id: str, settled: int, behind: Mapping[str, int], dead_letters: Sequence[DeadLetter]
) -> None:
    """Check an acknowledgement, whose `behind` has the settled event id of each flow or source that lags.

    InvalidArgument BAD_OWNER, BAD_WEBHOOK_ID, OUT_OF_RANGE, or TOO_MANY_BEHIND if too many flows lag.
    """
    check_owner(owner)
    _check_webhook(webhook_id)
    if len(behind) > _MAX_BEHIND:
        raise InvalidArgument(f"more than {_MAX_BEHIND} flows lag", reason="TOO_MANY_BEHIND")
    if len(dead_letters) > _MAX_DEAD_LETTERS:
        raise _out_of_range(f"more than {_MAX_DEAD_LETTERS} dead letters")
    check_not_negative("settled_id", settled)
    for key, settled_of_key in behind.items():
        _check_key(key)
        check_not_negative("behind", settled_of_key)
    for letter in dead_letters:
        check_not_negative("event_id", letter.event_id)
        check_not_negative("attempts", letter.attempts)


def _check_webhook(webhook_id: str) -> None:
    if not is_uuid(webhook_id):
        raise InvalidArgument("the subscriber's id is not a UUID", reason="BAD_WEBHOOK_ID")


def _check_key(key: str) -> None:
    if len(key) > _MAX_KEY:
        raise _out_of_range(f"a key has at most {_MAX_KEY} characters")


def _out_of_range(problem: str) -> InvalidArgument:
    return InvalidArgument(problem, reason="OUT_OF_RANGE")
