"""The one error tree.

    TamsError
     ├─ InvalidArgument      the request is wrong, whatever the state of the store
     ├─ FailedPrecondition   the request is right, but not in this state
     ├─ AlreadyExists        something with that name is there
     ├─ PermissionDenied     the caller may not do this, for example change a read-only flow
     ├─ NotFound             no such thing
     ├─ Conflict             a concurrent change won, own retries included
     ├─ Exhausted            over a limit; later may work
     ├─ Unavailable          a part this one needs is away; later may work
     ├─ DeadlineExceeded     a part this one needs was too slow
     └─ Internal             a fault of ours; details stay in the log

`services.shared.rpc.status` maps each kind to a gRPC code, `gateway.errors` to an HTTP status.
"""

from typing import ClassVar


class TamsError(Exception):
    """An error a caller may see.

    `summary` is one sentence for people, `reason` a stable upper-snake name for programs, `metadata`
    facts about the cause, such as `path`, the JSON path of the offending value.
    """

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, summary: str, *, reason: str | None = None, **metadata: str) -> None:
        super().__init__(summary)
        self.summary = summary
        self.reason = reason or self.default_reason
        self.metadata = metadata


class InvalidArgument(TamsError):
    """The request is wrong, whatever the state of the store."""

    default_reason = "INVALID_ARGUMENT"


class FailedPrecondition(TamsError):
    """The request is right, but not in this state."""

    default_reason = "FAILED_PRECONDITION"


class AlreadyExists(TamsError):
    """Something with that name is there."""

    default_reason = "ALREADY_EXISTS"


class PermissionDenied(TamsError):
    """The caller may not do this."""

    default_reason = "PERMISSION_DENIED"


class NotFound(TamsError):
    """No such thing."""

    default_reason = "NOT_FOUND"


class Conflict(TamsError):
    """A concurrent change won, own retries included."""

    default_reason = "CONFLICT"


class Exhausted(TamsError):
    """Over a limit; later may work."""

    default_reason = "EXHAUSTED"


class Unavailable(TamsError):
    """A part this one needs is away; later may work."""

    default_reason = "UNAVAILABLE"


class DeadlineExceeded(TamsError):
    """A part this one needs was too slow."""

    default_reason = "DEADLINE_EXCEEDED"


class Internal(TamsError):
    """A fault of ours; details stay in the log."""


class StartupError(Exception):
    """A process cannot start; the message is one line for the person who started it."""
