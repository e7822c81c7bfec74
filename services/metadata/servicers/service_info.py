"""ServiceInfoService."""

from functools import partial

from tams.metadata.v1 import service_info_service_pb2, service_info_service_pb2_grpc

from services.metadata.application.service.service_info import ServiceInfos
from services.metadata.servicers.convert import optional
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class ServiceInfoServicer(service_info_service_pb2_grpc.ServiceInfoServiceServicer):
    """Translates between messages and ServiceInfos."""

    def __init__(self, infos: ServiceInfos) -> None:
        self._infos = infos

    async def GetServiceInfo(
        self, request: service_info_service_pb2.GetServiceInfoRequest, context: Context
    ) -> service_info_service_pb2.ServiceInfo:
        """Return the name and description."""
        return service_info_service_pb2.ServiceInfo(**(await self._infos.get())._asdict())

    async def UpdateServiceInfo(
        self, request: service_info_service_pb2.UpdateServiceInfoRequest, context: Context
    ) -> service_info_service_pb2.ServiceInfo:
        """Replace the name or the description, or both."""
        info = await self._infos.update(optional(request, "name"), optional(request, "description"))
        return service_info_service_pb2.ServiceInfo(**info._asdict())


def registration(infos: ServiceInfos) -> Registration:
    """The ServiceInfoService for a server."""
    add = service_info_service_pb2_grpc.add_ServiceInfoServiceServicer_to_server
    return (
        service_info_service_pb2.DESCRIPTOR.services_by_name["ServiceInfoService"],
        partial(add, ServiceInfoServicer(infos)),
    )
