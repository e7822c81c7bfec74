"""The errors of all services.

    TamsError
     ├─ InvalidArgument      the request is wrong in any state of the store
     ├─ FailedPrecondition   the request is not possible in the current state
     ├─ AlreadyExists        an entity with this id exists
     ├─ Unauthenticated      the caller has no valid credentials
     ├─ PermissionDenied     the caller may not do this, for example change a read-only flow
     ├─ NotFound             the entity does not exist
     ├─ Conflict             a concurrent change came first, also after retries
     ├─ Exhausted            a limit is reached; a later attempt may succeed
     ├─ Unavailable          a required part does not answer; a later attempt may succeed
     ├─ DeadlineExceeded     a required part was too slow
     ├─ DataDamaged          stored data cannot be read as it was written
     └─ Internal             a bug; details stay in the log

`services.shared.rpc.status` maps each kind to a gRPC code, `gateway.errors` to an HTTP status.
"""

from typing import ClassVar


class TamsError(Exception):
    """An error that callers may see.

    `summary` is one sentence for people, `reason` a stable name for programs in upper case. `metadata` has
    facts about the cause, such as `path`, the JSON path of the bad value.
    """

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, summary: str, *, reason: str | None = None, **metadata: str) -> None:
        super().__init__(summary)
        self.summary = summary
        self.reason = reason or self.default_reason
        self.metadata = metadata


class InvalidArgument(TamsError):
    """The request is wrong in any state of the store."""

    default_reason = "INVALID_ARGUMENT"


class FailedPrecondition(TamsError):
    """The request is not possible in the current state of the store."""

    default_reason = "FAILED_PRECONDITION"


class AlreadyExists(TamsError):
    """An entity with this id exists."""

    default_reason = "ALREADY_EXISTS"


class Unauthenticated(TamsError):
    """The caller has no valid credentials."""

    default_reason = "UNAUTHENTICATED"


class PermissionDenied(TamsError):
    """The caller may not do this."""

    default_reason = "PERMISSION_DENIED"


class NotFound(TamsError):
    """The entity does not exist."""

    default_reason = "NOT_FOUND"


class Conflict(TamsError):
    """A concurrent change came first, also after retries."""

    default_reason = "CONFLICT"


class Exhausted(TamsError):
    """A limit is reached; a later attempt may succeed."""

    default_reason = "EXHAUSTED"


class Unavailable(TamsError):
    """A required part does not answer; a later attempt may succeed."""

    default_reason = "UNAVAILABLE"


class DeadlineExceeded(TamsError):
    """A required part was too slow."""

    default_reason = "DEADLINE_EXCEEDED"


class DataDamaged(TamsError):
    """Stored data cannot be read as it was written."""

    default_reason = "DATA_DAMAGED"


class Internal(TamsError):
    """A bug; details stay in the log."""


class StartupError(Exception):
    """A process cannot start. The text is one line for the person who started it."""
