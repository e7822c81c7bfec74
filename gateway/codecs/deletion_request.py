"""Deletion requests: protobuf to JSON (TAMS 7.0, deletion-request.json)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import deletion_request_pb2

from gateway.errors import ErrorBody, error_body
from services.shared.rpc.later_values import known
from services.shared.rpc.status import from_failure
from services.shared.rpc.timeranges import from_message

STATUSES: Final = {
    deletion_request_pb2.DELETION_STATUS_CREATED: "created",
    deletion_request_pb2.DELETION_STATUS_STARTED: "started",
    deletion_request_pb2.DELETION_STATUS_DONE: "done",
    deletion_request_pb2.DELETION_STATUS_ERROR: "error",
}


class DeletionRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """deletion-request.json."""

    id: str
    flow_id: str
    timerange_to_delete: str
    timerange_remaining: str
    delete_flow: bool
    status: str
    created: datetime | None = None
    updated: datetime | None = None
    expiry: datetime | None = None
    error: ErrorBody | None = None


def document(message: deletion_request_pb2.DeletionRequest) -> bytes:
    """The JSON of a deletion request."""
    return msgspec.json.encode(_request(message))


def listing(messages: Iterable[deletion_request_pb2.DeletionRequest]) -> bytes:
    """The JSON list of deletion requests."""
    return msgspec.json.encode(list(map(_request, messages)))


def _request(message: deletion_request_pb2.DeletionRequest) -> DeletionRequest:
    return DeletionRequest(
        id=message.id,
        flow_id=message.flow_id,
        timerange_to_delete=str(from_message(message.timerange_to_delete)),
        timerange_remaining=str(from_message(message.timerange_remaining)),
        delete_flow=message.delete_flow,
        status=known(STATUSES, message.status, "the status of a deletion request"),
        created=_instant(message.created) if message.HasField("created") else None,
        updated=_instant(message.updated) if message.HasField("updated") else None,
        expiry=_instant(message.expiry) if message.HasField("expiry") else None,
        error=_error(message) if message.HasField("error") else None,
    )


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)


def _error(message: deletion_request_pb2.DeletionRequest) -> ErrorBody:
    return error_body(from_failure(message.error), _instant(message.updated))
