"""StatusService."""

from functools import partial

from tams.metadata.v1 import status_service_pb2, status_service_pb2_grpc

from services.metadata.application.service.status import StoreStatus
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Translates between messages and StoreStatus."""

    def __init__(self, status: StoreStatus) -> None:
        self._status = status

    async def GetStatus(
        self, request: status_service_pb2.GetStatusRequest, context: Context
    ) -> status_service_pb2.GetStatusResponse:
        """Return the status of the store."""
        refusal = self._status.refusal()
        backlog = await self._status.backlog() if request.backlog else None
        return status_service_pb2.GetStatusResponse(
            refusal_reason=refusal.reason if refusal else "",
            refusal=refusal.summary if refusal else "",
            free_bytes=self._status.free_bytes(),
            backlog=None if backlog is None else status_service_pb2.Backlog(**backlog._asdict()),
        )


def registration(status: StoreStatus) -> Registration:
    """The StatusService for a server."""
    add = status_service_pb2_grpc.add_StatusServiceServicer_to_server
    return (
        status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
        partial(add, StatusServicer(status)),
    )
