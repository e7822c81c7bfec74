"""The time as documents write it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """A moment in UTC as "2026-03-01T12:00:00.000000Z" (RFC 3339)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
