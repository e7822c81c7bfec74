"""Converts errors: TamsError to and from google.rpc.Status with ErrorInfo, and Failure of a batch item."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from tams.type.v1 import failure_pb2

from services.shared import errors
from services.shared.errors import TamsError

DETAILS_KEY: Final = "grpc-status-details-bin"
DOMAIN: Final = "tams"

_MAX_TEXT: Final = 1000

_CODES: Final[Mapping[type[TamsError], StatusCode]] = {
    errors.InvalidArgument: StatusCode.INVALID_ARGUMENT,
    errors.FailedPrecondition: StatusCode.FAILED_PRECONDITION,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: StatusCode.PERMISSION_DENIED,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.Conflict: StatusCode.ABORTED,
    errors.Exhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.DataDamaged: StatusCode.DATA_LOSS,
    errors.Internal: StatusCode.INTERNAL,
}
_ERRORS: Final = {code.value[0]: kind for kind, code in _CODES.items()} | {
    StatusCode.OUT_OF_RANGE.value[0]: errors.InvalidArgument,
    StatusCode.CANCELLED.value[0]: errors.Unavailable,
}
# Used if the error does not come from one of our servers.
_SUMMARIES: Final[Mapping[type[TamsError], str]] = {
    errors.Unavailable: "a part of the system does not answer; try again later",
    errors.DeadlineExceeded: "a part of the system was too slow; try again later",
    errors.Exhausted: "the request or its reply is too large",
}

_log = logging.getLogger(__name__)


def code_of(error: TamsError) -> StatusCode:
    """The gRPC code of an error."""
    return _CODES[type(error)]


def clip(text: str) -> str:
    """The text, cut to the length that metadata allows."""
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def details_of(error: TamsError) -> bytes:
    """The serialized google.rpc.Status for the trailing metadata."""
    metadata = {name: clip(value) for name, value in error.metadata.items()}
    info = ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    packed = Any()
    packed.Pack(info)
    code = int(code_of(error).value[0])
    status = Status(code=code, message=clip(error.summary), details=[packed])
    return bytes(status.SerializeToString())


def from_rpc_error(error: aio.AioRpcError) -> TamsError:
    """The error that the service raised, or an error of the same kind if the service did not answer."""
    kind = _ERRORS.get(error.code().value[0], errors.Internal)
    info = _info(error.trailing_metadata() or ())
    if info is None:
        # The text of gRPC contains addresses, so it only goes to the log.
        _log.warning("call failed", extra={"code": error.code().name, "details": error.details()})
        return kind(_SUMMARIES.get(kind, "internal error"))
    return kind(error.details() or "", reason=info.reason, **info.metadata)


def _info(trailers: Iterable[tuple[str, str | bytes]]) -> ErrorInfo | None:
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            for packed in Status.FromString(value).details:
                info = ErrorInfo()
                if packed.Unpack(info):
                    return info
    return None


def to_failure(error: TamsError) -> failure_pb2.Failure:
    """The message for the failed item of a batch."""
    return failure_pb2.Failure(
        code=int(code_of(error).value[0]),
        reason=error.reason,
        summary=error.summary,
        metadata=error.metadata,
    )


def from_failure(failure: failure_pb2.Failure) -> TamsError:
    """The error of the failed item of a batch."""
    kind = _ERRORS.get(failure.code, errors.Internal)
    return kind(failure.summary, reason=failure.reason, **failure.metadata)
