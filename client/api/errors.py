"""What can go wrong between a client and a store.

ApiError
├── Unreachable       no whole answer came: refused, timed out, broken off
├── BadAnswer         an answer came that the API does not allow
└── Rejected          the store said no; has status, kind and summary
    ├── InvalidRequest   400 and other 4xx: the request is at fault
    ├── Forbidden        401, 403: not allowed, or the flow is read-only
    ├── NotFound         404
    ├── Busy             429, 503: try again, after `retry_after` seconds where given
    └── ServerFault      other 5xx
"""

from http import HTTPStatus

import httpx
import msgspec

_SUMMARY_CHARACTERS = 500


class ApiError(Exception):
    """The root; its text is one line for a person."""


class Unreachable(ApiError):
    """No whole answer came. `sent` tells whether the request may have taken effect."""

    def __init__(self, summary: str, *, sent: bool) -> None:
        super().__init__(summary)
        self.sent = sent


class BadAnswer(ApiError):
    """The answer is not what the API says it is."""


class Rejected(ApiError):
    """The store answered with an error status; `kind` is the error's `type`, empty if it named none."""

    def __init__(self, status: int, kind: str, summary: str, *, retry_after: float | None = None) -> None:
        super().__init__(summary)
        self.status = status
        self.kind = kind
        self.summary = summary
        self.retry_after = retry_after


class InvalidRequest(Rejected):
    """The request is at fault."""


class Forbidden(Rejected):
    """Not allowed: no or wrong credentials, or a read-only flow."""


class NotFound(Rejected):
    """There is no such thing."""


class Busy(Rejected):
    """The store cannot answer now."""


class ServerFault(Rejected):
    """The store failed."""


_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: Forbidden,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.TOO_MANY_REQUESTS: Busy,
    HTTPStatus.SERVICE_UNAVAILABLE: Busy,
}


class _ErrorBody(msgspec.Struct):
    type: str = ""
    summary: str = ""


def rejection(response: httpx.Response) -> Rejected:
    """The error of a response that has been read and whose status is 4xx or 5xx."""
    status = HTTPStatus(response.status_code)
    fallback = ServerFault if response.is_server_error else InvalidRequest
    body = _body(response)
    return _BY_STATUS.get(status, fallback)(
        status,
        body.type,
        body.summary or f"{status.value} {status.phrase}",
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def _body(response: httpx.Response) -> _ErrorBody:
    try:
        body = msgspec.json.decode(response.content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()
    return _ErrorBody(body.type, " ".join(body.summary.split())[:_SUMMARY_CHARACTERS])


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
