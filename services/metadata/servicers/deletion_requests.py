"""DeletionRequestService."""

from functools import partial
from typing import Final

from tams.metadata.v1 import (
    deletion_request_pb2,
    deletion_request_service_pb2,
    deletion_request_service_pb2_grpc,
)

from services.metadata.application.deletion_requests import Deletions
from services.metadata.domain.deletion_request import Deletion, Status
from services.shared.errors import Internal
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure
from services.shared.rpc.timeranges import to_message

_STATUS: Final = {
    Status.CREATED: deletion_request_pb2.DELETION_STATUS_CREATED,
    Status.STARTED: deletion_request_pb2.DELETION_STATUS_STARTED,
    Status.DONE: deletion_request_pb2.DELETION_STATUS_DONE,
    Status.ERROR: deletion_request_pb2.DELETION_STATUS_ERROR,
}


class DeletionRequestServicer(deletion_request_service_pb2_grpc.DeletionRequestServiceServicer):
    """Translates between messages and Deletions."""

    def __init__(self, deletions: Deletions) -> None:
        self._deletions = deletions

    async def GetDeletionRequest(
        self, request: deletion_request_service_pb2.GetDeletionRequestRequest, context: Context
    ) -> deletion_request_pb2.DeletionRequest:
        """Return a deletion request."""
        return message(await self._deletions.get(request.id))

    async def ListDeletionRequests(
        self, request: deletion_request_service_pb2.ListDeletionRequestsRequest, context: Context
    ) -> deletion_request_service_pb2.ListDeletionRequestsResponse:
        """Return the latest deletion requests."""
        latest = await self._deletions.latest()
        return deletion_request_service_pb2.ListDeletionRequestsResponse(
            deletion_requests=map(message, latest)
        )


def registration(deletions: Deletions) -> Registration:
    """The DeletionRequestService for a server."""
    add = deletion_request_service_pb2_grpc.add_DeletionRequestServiceServicer_to_server
    return (
        deletion_request_service_pb2.DESCRIPTOR.services_by_name["DeletionRequestService"],
        partial(add, DeletionRequestServicer(deletions)),
    )


def message(deletion: Deletion) -> deletion_request_pb2.DeletionRequest:
    """The message of a deletion request."""
    result = deletion_request_pb2.DeletionRequest(
        id=deletion.id,
        flow_id=deletion.flow_id,
        timerange_to_delete=to_message(deletion.requested),
        timerange_remaining=to_message(deletion.remaining),
        delete_flow=deletion.delete_flow,
        status=_STATUS[deletion.status],
    )
    result.created.FromMilliseconds(deletion.created_ms)
    result.updated.FromMilliseconds(deletion.updated_ms)
    if deletion.expiry_ms is not None:
        result.expiry.FromMilliseconds(deletion.expiry_ms)
    if deletion.error is not None:
        result.error.CopyFrom(to_failure(Internal(deletion.error)))
    return result
