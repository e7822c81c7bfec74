"""The gRPC service UsageService."""

from functools import partial

from tams.analytics.v1 import usage_service_pb2, usage_service_pb2_grpc

from services.analytics.application.usage import Usage
from services.analytics.servicers import convert
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class UsageServicer(usage_service_pb2_grpc.UsageServiceServicer):
    """Returns the usage of storage."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage

    async def GetStorageUsage(
        self, request: usage_service_pb2.GetStorageUsageRequest, context: Context
    ) -> usage_service_pb2.GetStorageUsageResponse:
        """Objects and bytes of each backend."""
        usage = await self._usage.get()
        return usage_service_pb2.GetStorageUsageResponse(backends=map(convert.usage_message, usage))


def registration(usage: Usage) -> Registration:
    """The service to add to a server."""
    add = usage_service_pb2_grpc.add_UsageServiceServicer_to_server
    return (
        usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"],
        partial(add, UsageServicer(usage)),
    )
