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


class MethodNotAllowed(errors.InvalidArgument):
    """The path does not know this method."""

    default_reason = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allow = ", ".join(allowed)
        super().__init__(f"{method} is not possible here; allowed: {self.allow}")


class BodyTooLarge(errors.InvalidArgument):
    """The request body is longer than the setting allows."""

    default_reason = "BODY_TOO_LARGE"


class BodyIncomplete(errors.InvalidArgument):
    """The connection ended before the request body did."""

    default_reason = "BODY_INCOMPLETE"


class BodyTimeout(errors.InvalidArgument):
    """The request body did not arrive in time."""

    default_reason = "BODY_TIMEOUT"


class UnsupportedMediaType(errors.InvalidArgument):
    """The request body is not JSON by its own account."""

    default_reason = "UNSUPPORTED_MEDIA_TYPE"


class QueryTooLong(errors.InvalidArgument):
    """The query string is longer than any real one."""

    default_reason = "QUERY_TOO_LONG"


STATUS: Final[Mapping[type[TamsError], HTTPStatus]] = {
    UnknownPath: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyIncomplete: HTTPStatus.BAD_REQUEST,
    BodyTimeout: HTTPStatus.REQUEST_TIMEOUT,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    QueryTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.InvalidArgument: HTTPStatus.BAD_REQUEST,
    errors.FailedPrecondition: HTTPStatus.BAD_REQUEST,
    errors.AlreadyExists: HTTPStatus.BAD_REQUEST,
    errors.PermissionDenied: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Exhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# Statuses after which the same request may succeed, and how many seconds later to try.
RETRY_AFTER_SECONDS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.TOO_MANY_REQUESTS: "1",
    HTTPStatus.SERVICE_UNAVAILABLE: "1",
}


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """error.json, with the JSON path of the offending value where it is known."""

    type: str
    summary: str
    time: datetime
    path: str | None = None


def error_body(error: TamsError, time: datetime | None = None) -> ErrorBody:
    """What a client is told, of now unless told otherwise. An internal error keeps its details to the log."""
    internal = isinstance(error, errors.Internal)
    summary = "internal error" if internal else error.summary
    return ErrorBody(error.reason, summary, time or datetime.now(UTC), error.metadata.get("path"))


def headers_of(error: TamsError, status: HTTPStatus) -> list[tuple[str, str]]:
    """Headers that belong to the error's status."""
    headers: list[tuple[str, str]] = []
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", error.allow))
    if (seconds := RETRY_AFTER_SECONDS.get(status)) is not None:
        headers.append(("retry-after", seconds))
    return headers
