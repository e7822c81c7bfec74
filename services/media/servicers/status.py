"""The gRPC service StatusService."""

from collections.abc import Mapping
from functools import partial

from tams.media.v1 import status_service_pb2, status_service_pb2_grpc

from services.media.application.reachability import Reachability
from services.media.domain.circuit import Circuit
from services.media.domain.storage_backend import StorageBackends
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Returns the state of the storage backends."""

    def __init__(
        self, backends: StorageBackends, reachability: Reachability, circuits: Mapping[str, Circuit]
    ) -> None:
        self._backends = backends
        self._reachability = reachability
        self._circuits = circuits

    async def GetStatus(
        self, request: status_service_pb2.GetStatusRequest, context: Context
    ) -> status_service_pb2.GetStatusResponse:
        """The result of the last check of each backend, and the state of its circuit."""
        return status_service_pb2.GetStatusResponse(
            backends=[
                status_service_pb2.BackendStatus(
                    id=backend.id,
                    label=backend.label,
                    reachable=not fault,
                    reason=fault,
                    circuit_open=self._circuits[backend.id].is_open,
                )
                for backend in self._backends
                for fault in [self._reachability.fault(backend.id)]
            ]
        )


def registration(
    backends: StorageBackends, reachability: Reachability, circuits: Mapping[str, Circuit]
) -> Registration:
    """The service to add to a server."""
    add = status_service_pb2_grpc.add_StatusServiceServicer_to_server
    return (
        status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
        partial(add, StatusServicer(backends, reachability, circuits)),
    )
