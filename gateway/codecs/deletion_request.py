"""Deletion requests: protobuf -> JSON (TAMS 7.0, deletion-request.json)."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import deletion_request_pb2 as pb

from gateway.errors import ErrorBody, error_body
from services.shared.rpc.status import from_failure
from services.shared.rpc.timeranges import from_message

STATUSES: Final = {
    pb.DELETION_STATUS_CREATED: "created",
    pb.DELETION_STATUS_STARTED: "started",
    pb.DELETION_STATUS_DONE: "done",
    pb.DELETION_STATUS_ERROR: "error",
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


def typed(message: pb.DeletionRequest) -> DeletionRequest:
    """The request as JSON has it."""
    return DeletionRequest(
        id=message.id,
        flow_id=message.flow_id,
        timerange_to_delete=str(from_message(message.timerange_to_delete)),
        timerange_remaining=str(from_message(message.timerange_remaining)),
        delete_flow=message.delete_flow,
        status=STATUSES[message.status],
        created=_instant(message.created) if message.HasField("created") else None,
        updated=_instant(message.updated) if message.HasField("updated") else None,
        expiry=_instant(message.expiry) if message.HasField("expiry") else None,
        error=_error(message) if message.HasField("error") else None,
    )


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)


def _error(message: pb.DeletionRequest) -> ErrorBody:
    return error_body(from_failure(message.error), _instant(message.updated))
