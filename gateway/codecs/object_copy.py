"""Copies of objects: JSON to protobuf and back. An extension of this implementation."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from tams.media.v1 import copy_service_pb2
from tams.metadata.v1 import object_copy_pb2, object_copy_service_pb2

from gateway.codecs import decoding
from gateway.errors import STATUS, ErrorBody, error_body
from gateway.http.query import Query
from services.shared.errors import InvalidArgument
from services.shared.ids import UUID_PATTERN
from services.shared.rpc.later_values import known
from services.shared.rpc.status import from_failure

MAX_OBJECTS: Final = 100
_STATES: Final = {
    object_copy_pb2.OBJECT_COPY_STATE_COPYING: "copying",
    object_copy_pb2.OBJECT_COPY_STATE_STORED: "stored",
    object_copy_pb2.OBJECT_COPY_STATE_RETIRED: "retired",
    object_copy_pb2.OBJECT_COPY_STATE_RECLAIMED: "reclaimed",
}


class NewCopies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The objects to copy, and the backend to copy them to."""

    object_ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_OBJECTS)]
    storage_id: Annotated[str, Meta(pattern=f"^{UUID_PATTERN}\\Z")]
    move: bool = False


class Copy(msgspec.Struct, frozen=True):
    """A copy of an object."""

    storage_id: str
    storage_path: str
    state: str
    changed: datetime | UnsetType = UNSET


class CopyResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome for one object; with an error, `status` is the HTTP status that it has alone."""

    object_id: str
    state: str
    bytes: int = 0
    status: int = 0
    error: ErrorBody | None = None


_new: Final = msgspec.json.Decoder(NewCopies)


def copy_request(body: bytes) -> copy_service_pb2.CopyObjectsRequest:
    """The request in a body. InvalidArgument with the JSON path of what does not fit NewCopies."""
    new = decoding.decode(_new, body)
    return copy_service_pb2.CopyObjectsRequest(
        object_ids=new.object_ids, storage_id=new.storage_id, move=new.move
    )


def results(object_ids: Sequence[str], reply: copy_service_pb2.CopyObjectsResponse) -> bytes:
    """The JSON of the outcomes, in the order of the request."""
    outcomes = map(_result, object_ids, reply.results)
    return msgspec.json.encode({"results": list(outcomes)})


def retire_request(query: Query) -> object_copy_service_pb2.RetireObjectCopyRequest:
    """The request to delete the copy in a query. InvalidArgument BAD_QUERY."""
    object_id, storage_id = query.text("object_id"), query.uuid("storage_id")
    if not object_id or not storage_id:
        raise InvalidArgument("give object_id and storage_id", reason="BAD_QUERY")
    return object_copy_service_pb2.RetireObjectCopyRequest(object_id=object_id, storage_id=storage_id)


def listing(reply: object_copy_service_pb2.ListObjectCopiesResponse) -> bytes:
    """The JSON list of copies."""
    return msgspec.json.encode(list(map(_copy, reply.copies)))


def _copy(message: object_copy_pb2.ObjectCopy) -> Copy:
    return Copy(
        storage_id=message.storage_id,
        storage_path=message.storage_path,
        state=known(_STATES, message.state, "the state of a copy"),
        changed=message.changed.ToDatetime(UTC) if message.HasField("changed") else UNSET,
    )


def _result(object_id: str, result: copy_service_pb2.CopyObjectResult) -> CopyResult:
    if result.HasField("failure"):
        error = from_failure(result.failure)
        return CopyResult(object_id, "failed", status=STATUS[type(error)], error=error_body(error))
    if result.copied.pending:
        return CopyResult(object_id, "copying")
    return CopyResult(object_id, "stored", bytes=result.copied.bytes)
