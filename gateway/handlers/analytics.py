"""`/x/analytics/...`: questions over the whole store, an extension of this implementation."""

from typing import Final

from tams.analytics.v1.usage_service_pb2 import GetStorageUsageRequest

from gateway.clients.services import Services
from gateway.codecs import analytics
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# These scan, where all else seeks.
ANALYTICS_SECONDS: Final = 60.0


class Analytics:
    """Asks the analytics service."""

    def __init__(self, services: Services) -> None:
        self._coverage = services.coverage
        self._usage = services.usage

    async def coverage(self, request: Request, flow_id: str) -> Response:
        """GET /x/analytics/flows/{flowId}/coverage."""
        wanted = analytics.coverage_request(flow_id, request.query())
        reply = await call(self._coverage.GetCoverage, wanted, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.coverage(reply))

    async def storage_usage(self, request: Request) -> Response:
        """GET /x/analytics/storage-usage."""
        wanted = GetStorageUsageRequest()
        reply = await call(self._usage.GetStorageUsage, wanted, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.storage_usage(reply))
