"""The errors of calls to a store.

ApiError
├── Unreachable       there was no whole answer: refused, timed out, broken off
├── BadAnswer         the API does not allow this answer
├── LoginFailed       the caller has no valid credentials, and cannot get any
└── Rejected          the answer is an error; has status, kind and summary
    ├── InvalidRequest   400 and other 4xx: the request is at fault
    │   └── ObjectExists   the object of an upload is stored already; it stays as it is
    ├── Forbidden        401, 403: not allowed, or the flow is read-only
    ├── NotFound         404
    ├── Busy             429, 503: try again, after `retry_after` seconds if given
    └── ServerFault      other 5xx
"""

from http import HTTPStatus

import httpx
import msgspec

_SUMMARY_CHARACTERS = 500
_ID_CHARACTERS = 64


class ApiError(Exception):
    """The base of all errors of calls; the text is one line for a person."""


class Unreachable(ApiError):
    """There was no whole answer. If `sent`, the request may have taken effect.

    `distrusted` says that the certificate of the server was refused.
    """

    def __init__(self, summary: str, *, sent: bool, distrusted: bool = False) -> None:
        super().__init__(summary)
        self.sent = sent
        self.distrusted = distrusted


class BadAnswer(ApiError):
    """The API does not allow this answer."""


class LoginFailed(ApiError):
    """The caller has no valid credentials, and cannot get any."""


class Rejected(ApiError):
    """The store answered with an error status; `kind` is the error's `type`, empty if it has none.

    `request_id` finds the request in the logs and traces of the store; empty if the answer has none.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        summary: str,
        *,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(summary)
        self.status = status
        self.kind = kind
        self.summary = summary
        self.retry_after = retry_after
        self.request_id = request_id


class InvalidRequest(Rejected):
    """The request is at fault."""


class ObjectExists(InvalidRequest):
    """The object of an upload is stored already; it stays as it is."""

    def __init__(self) -> None:
        summary = "the object is stored already and cannot be overwritten; allocate another object"
        super().__init__(HTTPStatus.PRECONDITION_FAILED, "", summary)


class Forbidden(Rejected):
    """Not allowed: no or wrong credentials, or a read-only flow."""


class NotFound(Rejected):
    """The resource does not exist."""


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
        request_id=response.headers.get("X-Request-Id", "")[:_ID_CHARACTERS],
    )


def storage_refusal(error: Rejected, action: str) -> Rejected:
    """The same error, named as one of object storage. Only its status is useful."""
    hint = "; its disk may be full" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    summary = f"object storage refuses {action}: {error.summary}{hint}"
    return type(error)(error.status, error.kind, summary, retry_after=error.retry_after)


def _body(response: httpx.Response) -> _ErrorBody:
    try:
        body = msgspec.json.decode(response.content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()
    return _ErrorBody(
        body.type, " ".join(_without_secret(response, body.summary).split())[:_SUMMARY_CHARACTERS]
    )


def _without_secret(response: httpx.Response, text: str) -> str:
    """The text without the credentials of the request, which a server may repeat."""
    secret = response.request.headers.get("Authorization", "").rpartition(" ")[2]
    return text.replace(secret, "***") if secret else text


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
