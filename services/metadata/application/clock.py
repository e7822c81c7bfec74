"""The time of a change, in the forms that documents and events need, and its author."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.shared.access import caller
from services.shared.access.principal import SYSTEM, Scope
from services.shared.process.logs import request_id
from services.shared.telemetry.trace import current

Clock = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditedClock:
    """The clock of a store with an audit log: its moments know who asks, for the entries of the log."""

    clock: Clock

    def __call__(self) -> datetime:
        """The current time, in UTC."""
        return self.clock()


class Trail(NamedTuple):
    """The author of a change, for the audit log: the name of the caller and the id of the request."""

    principal: str
    request_id: str


class Moment(NamedTuple):
    """A moment as RFC 3339 text ("2026-03-01T12:00:00.000000Z") and as nanoseconds since 1970.

    `author` is the caller who makes a change then; None for changes of the store itself, and for all changes
    of a store without access control. `trail` is None for changes that the audit log does not have.
    `may_delete` is False for an author without the scope delete. `traceparent` is the operation that makes
    the change, if its trace is recorded, and else empty.
    """

    text: str
    ns: int
    author: str | None = None
    trail: Trail | None = None
    may_delete: bool = True
    traceparent: str = ""

    @property
    def ms(self) -> int:
        """Milliseconds since 1970."""
        return self.ns // 1_000_000

    @property
    def anonymous(self) -> "Moment":
        """The same moment without author and trail, for parts of a change that is recorded as a whole."""
        return self._replace(author=None, trail=None)


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def authored_moment(clock: Clock) -> Moment:
    """The current time, for a change of the present caller."""
    principal = caller.principal.get()
    author = None if principal.name == SYSTEM.name else principal.name
    trail = Trail(principal.name, request_id.get()) if isinstance(clock, AuditedClock) else None
    now = moment(clock)
    return Moment(now.text, now.ns, author, trail, Scope.DELETE in principal.scopes, now.traceparent)


def moment(clock: Clock) -> Moment:
    """The current time of the clock."""
    now = clock()
    microseconds = (now - _EPOCH) // timedelta(microseconds=1)
    # A third of the time of strftime. The clock is in UTC, which isoformat writes as +00:00.
    text, trace = now.isoformat(timespec="microseconds")[:-6] + "Z", current.get()
    if trace is None or not trace.sampled:
        return Moment(text, microseconds * 1000)
    return Moment(text, microseconds * 1000, traceparent=trace.header())
