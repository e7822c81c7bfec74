"""Errors as HTTP: the status of each kind, and the TAMS error body (TAMS 7.0, error.json)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import msgspec

from services.shared import errors
from services.shared.errors import TamsError


class UnknownPath(errors.NotFound):
    """No route has this path."""

    default_reason = "UNKNOWN_PATH"


class BadHost(errors.InvalidArgument):
    """The request has no Host header, more than one, or one that is not a host."""

    default_reason = "BAD_HOST"


class UnknownTransferCoding(errors.InvalidArgument):
    """The request body has a transfer coding other than a single `chunked`."""

    default_reason = "UNKNOWN_TRANSFER_CODING"


class ForeignOrigin(errors.PermissionDenied):
    """A web page of an origin that may not write asked for a change."""

    default_reason = "FOREIGN_ORIGIN"


class MethodNotAllowed(errors.InvalidArgument):
    """The path exists but does not have this method."""

    default_reason = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allow = ", ".join(allowed)
        super().__init__(f"this path has no method {method}; it has {self.allow}")


class BodyTooLarge(errors.InvalidArgument):
    """The request body is longer than its path or the setting allows."""

    default_reason = "BODY_TOO_LARGE"


class BodyIncomplete(errors.InvalidArgument):
    """The connection ended before the request body did."""

    default_reason = "BODY_INCOMPLETE"


class BodyTimeout(errors.InvalidArgument):
    """The request body did not arrive in time."""

    default_reason = "BODY_TIMEOUT"


class UnsupportedMediaType(errors.InvalidArgument):
    """The headers of the request say that its body is not JSON, or is compressed."""

    default_reason = "UNSUPPORTED_MEDIA_TYPE"


class QueryTooLong(errors.InvalidArgument):
    """The query string, or the link to the next page, is longer than the limit."""

    default_reason = "QUERY_TOO_LONG"


STATUS: Final[Mapping[type[TamsError], HTTPStatus]] = {
    UnknownPath: HTTPStatus.NOT_FOUND,
    BadHost: HTTPStatus.BAD_REQUEST,
    UnknownTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ForeignOrigin: HTTPStatus.FORBIDDEN,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyIncomplete: HTTPStatus.BAD_REQUEST,
    BodyTimeout: HTTPStatus.REQUEST_TIMEOUT,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    QueryTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.InvalidArgument: HTTPStatus.BAD_REQUEST,
    errors.FailedPrecondition: HTTPStatus.BAD_REQUEST,
    errors.AlreadyExists: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.PermissionDenied: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Exhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.DataDamaged: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# The ways to authenticate (RFC 6750, RFC 7617), in the headers of a 401.
CHALLENGES: Final = (
    ("www-authenticate", 'Bearer realm="tams"'),
    ("www-authenticate", 'Basic realm="tams", charset="UTF-8"'),
)
# Seconds to wait before a retry, for statuses after which the same request may succeed.
RETRY_AFTER_SECONDS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.TOO_MANY_REQUESTS: "1",
    HTTPStatus.SERVICE_UNAVAILABLE: "1",
}


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """error.json, with the JSON path of the bad value if it is known."""

    type: str
    summary: str
    time: datetime
    path: str | None = None


def error_body(error: TamsError, time: datetime | None = None) -> ErrorBody:
    """The body for an error at `time`, by default now. Details of internal errors stay in the log."""
    internal = isinstance(error, errors.Internal)
    summary = "internal error" if internal else error.summary
    return ErrorBody(error.reason, summary, time or datetime.now(UTC), error.metadata.get("path"))


def error_headers(error: TamsError, status: HTTPStatus) -> list[tuple[str, str]]:
    """The headers that an error adds: Allow, Vary, WWW-Authenticate, Connection, Retry-After."""
    headers: list[tuple[str, str]] = []
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", error.allow))
    elif isinstance(error, ForeignOrigin):
        headers.append(("vary", "Origin"))
    elif isinstance(error, errors.Unauthenticated):
        headers += CHALLENGES
    elif isinstance(error, BadHost | UnknownTransferCoding):
        # The sender may disagree with us on where the next request of this connection begins.
        headers.append(("connection", "close"))
    if (seconds := RETRY_AFTER_SECONDS.get(status)) is not None:
        # Some limits know when they admit the next request.
        headers.append(("retry-after", error.metadata.get("retry_after", seconds)))
    return headers
