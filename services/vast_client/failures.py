"""The failures of requests to VAST, classified by what the caller can do about them.

The SDK raises its own errors, errors of requests and Arrow, and ValueErrors for statuses it does not know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests
import urllib3
from vastdb import errors
from vastdb._internal import QueryDataInternalError

# The number of endpoints that must refuse before a request counts as refused: two if the cause is probably
# the request, all if it may be the endpoint.
_TWO: Final = 2
_ALL: Final = 1_000_000


class Failure(Exception):
    """A request failed."""

    # The endpoint that failed or answered with an error; "" if no request was sent.
    endpoint = ""


class Clash(Failure):
    """Another transaction wrote the same rows, so the whole transaction must be repeated."""


class Unreachable(Failure):
    """The endpoint or the database failed, and the transaction is lost. Another endpoint may succeed."""


class TimedOut(Unreachable):
    """The endpoint did not answer in time."""


class DeadlinePassed(Unreachable):
    """The deadline of the caller has passed; no request was sent."""


class Unknown(Unreachable):
    """The server does not know the table, column or transaction, or no longer."""


class CommitUnknown(Failure):
    """The reply to a commit was lost, so it may have happened or not.

    If the transaction has `ended`, reading shows the outcome. Otherwise it may still be committed.
    """

    def __init__(self, text: str, txid: int = 0, *, ended: bool = True) -> None:
        super().__init__(text)
        self.txid = txid
        self.ended = ended


class Refused(Failure):
    """The request is not acceptable: forbidden, malformed or too large. Repeating it does not help.

    `witnesses` is the number of endpoints that must refuse to be sure, because a single one may be
    misconfigured. It is 0 if the client itself refused, or if enough endpoints did.
    """

    witnesses = 0


_REFUSED: Final[dict[tuple[type[Exception], ...], int]] = {
    (errors.TooLargeRequest, errors.TooWideRow): 0,
    (errors.BadRequest, errors.NotSupportedSchema): _TWO,
    (
        errors.Forbidden,
        errors.MethodNotAllowed,
        errors.NotImplemented,
        errors.InsufficientCapacity,
    ): _ALL,
}
_READS: Final = ("GET", "HEAD")
_TIMEOUTS = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


def failure_of(error: Exception) -> Failure:
    """The failure for an error of a request. Its text has no credentials, because it omits the headers."""
    if isinstance(error, Failure):
        return error
    text = _text(error)
    witnesses = next((count for kinds, count in _REFUSED.items() if isinstance(error, kinds)), None)
    if witnesses is not None:
        return refused(text, witnesses)
    if isinstance(error, errors.Conflict):
        # A read cannot conflict; this is the answer of a bucket without tables.
        return refused(text) if error.method in _READS else Clash(text)
    if isinstance(error, (errors.NotFound, errors.Missing)):
        return Unknown(text)
    is_late = isinstance(error, _TIMEOUTS) or isinstance(getattr(error, "cause", None), _TIMEOUTS)
    return TimedOut(text) if is_late else Unreachable(text)


def refused(text: str, witnesses: int = _ALL) -> Refused:
    """A refusal that counts only if `witnesses` endpoints refuse."""
    failure = Refused(text)
    failure.witnesses = witnesses
    return failure


@contextmanager
def translated_sdk_errors() -> Iterator[None]:
    """Raises Failure in place of errors of the SDK. Other errors are bugs and are not translated."""
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
        EOFError,
    ) as error:
        raise failure_of(error) from error
    except ValueError as error:
        # The SDK raises this for a status that it does not know.
        if "is not a valid HttpStatus" not in str(error):
            raise
        raise failure_of(error) from error


def _text(error: Exception) -> str:
    if isinstance(error, errors.HttpError):
        details: Any = error
        return f"{details.method} answered {details.status} {details.code}: {details.message}"
    cause = getattr(error, "cause", None)
    return f"{type(error).__name__}: {cause if cause is not None else error}"
