"""UsageService over gRPC."""

from tams.analytics.v1 import usage_service_pb2 as pb
from tams.analytics.v1.usage_service_pb2_grpc import UsageServiceServicer

from services.analytics.application.ports import Inventory
from services.analytics.servicers import convert
from services.shared.rpc.interceptors import Context


class UsageServicer(UsageServiceServicer):
    """Translates; the inventory answers, there is no rule in between."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def GetStorageUsage(
        self, request: pb.GetStorageUsageRequest, context: Context
    ) -> pb.GetStorageUsageResponse:
        """Objects and bytes of each backend."""
        found = await self._inventory.usage()
        return pb.GetStorageUsageResponse(backends=map(convert.usage_message, found))
