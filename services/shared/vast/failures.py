"""What can go wrong on the way to VAST, told by what the caller can do about it.

The SDK raises errors of its own, of requests, of Arrow and plain ValueErrors for statuses it does not know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from vastdb import errors
from vastdb._internal import QueryDataInternalError


class Failure(Exception):
    """A request failed."""


class Clash(Failure):
    """Another transaction wrote the same rows: run all of this one again."""


class Away(Failure):
    """The endpoint or the database failed: the transaction is gone. Another endpoint may do better."""


class Unknown(Away):
    """The server knows no such table, column or transaction, or not any more."""


class CommitUnknown(Failure):
    """The reply to a commit was lost: it happened or it did not."""


class Refused(Failure):
    """The request itself is not acceptable: forbidden, malformed or too large. Again is no better."""


_REFUSED = (
    errors.BadRequest,
    errors.Forbidden,
    errors.MethodNotAllowed,
    errors.NotImplemented,
    errors.NotSupportedSchema,
    errors.TooLargeRequest,
    errors.TooWideRow,
    errors.InsufficientCapacity,
)


def failure_of(error: Exception) -> Failure:
    """What an error of a request means. Its text names no credentials: the SDK's headers are left out."""
    text = _text(error)
    if isinstance(error, Failure):
        return error
    if isinstance(error, errors.Conflict):
        return Clash(text)
    if isinstance(error, (errors.NotFound, errors.Missing)):
        return Unknown(text)
    if isinstance(error, _REFUSED):
        return Refused(text)
    return Away(text)


@contextmanager
def told() -> Iterator[None]:
    """Raises Failure in place of what the SDK raises. Errors of other kinds pass: they are bugs."""
    try:
        yield
    except (
        errors.HttpError,
        errors.Missing,
        errors.ConnectionError,
        errors.TooLargeRequest,
        errors.TooWideRow,
        errors.NotSupportedVersion,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        QueryDataInternalError,
        OSError,
    ) as error:
        raise failure_of(error) from error
    except ValueError as error:
        # What the SDK raises for a status that it has no name for.
        if "is not a valid HttpStatus" not in str(error):
            raise
        raise failure_of(error) from error


def _text(error: Exception) -> str:
    if isinstance(error, errors.HttpError):
        details: Any = error
        return f"{details.method} answered {details.status} {details.code}: {details.message}"
    cause = getattr(error, "cause", None)
    return f"{type(error).__name__}: {cause if cause is not None else error}"
