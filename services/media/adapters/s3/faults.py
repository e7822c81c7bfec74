"""Says what the errors of AWS's SDK mean for those who wait for object storage."""

from http import HTTPStatus
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from services.media.domain.circuit import REASON
from services.shared.errors import Unavailable

# The errors of a request. A body that is cut, or is not that of S3, is an error of the parser, or a member is
# missing in its result.
S3_ERRORS: Final = (BotoCoreError, ClientError, ResponseParserError, KeyError)
_OVERLOADED: Final = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "ThrottlingException", "Throttling"}


def code_of(error: ClientError) -> str:
    """The code of an error, such as NoSuchKey; empty if the storage gave none."""
    return error.response.get("Error", {}).get("Code", "")


def is_fault(error: Exception) -> bool:
    """True if the storage gave no answer, or failed. A refusal is an answer."""
    if not isinstance(error, ClientError):
        return isinstance(error, S3_ERRORS)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    ) or is_overload(error)


def is_overload(error: ClientError) -> bool:
    """True if the storage asks for fewer requests."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status == HTTPStatus.TOO_MANY_REQUESTS or code_of(error) in _OVERLOADED


def meaning(error: Exception) -> str:
    """The fault in a few words that name no internal address."""
    if isinstance(error, ClientError):
        return f"{_verb(error)} the request: {code_of(error) or 'no code'} for {error.operation_name}"
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return "does not answer in time"
    if isinstance(error, ResponseParserError | KeyError):
        return "sent an answer that is cut, or not that of S3"
    return "cannot be reached, or broke the connection"


def unavailable(label: str, error: Exception) -> Unavailable:
    """The error that callers get."""
    return Unavailable(f"storage {label} {meaning(error)}", reason=REASON)


def _verb(error: ClientError) -> str:
    if is_overload(error):
        return "is too busy for"
    return "failed" if is_fault(error) else "refuses"
