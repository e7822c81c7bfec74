"""`/x/analytics/...`: coverage of flows, use of storage, accesses to objects and duplicates, an extension."""

from typing import Final

from tams.analytics.v1 import duplicate_service_pb2, usage_service_pb2

from gateway.clients.services import Services
from gateway.codecs import analytics
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# Analytics scans tables, so its calls take longer than others.
ANALYTICS_SECONDS: Final = 60.0


class Analytics:
    """Handlers that call the analytics service."""

    def __init__(self, services: Services) -> None:
        self._coverage = services.coverage
        self._usage = services.usage
        self._object_accesses = services.object_accesses
        self._duplicates = services.duplicates

    async def coverage(self, request: Request, flow_id: str) -> Response:
        """GET /x/analytics/flows/{flowId}/coverage."""
        message = analytics.coverage_request(flow_id, request.query())
        reply = await call(self._coverage.GetCoverage, message, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.coverage(reply))

    async def storage_usage(self, request: Request) -> Response:
        """GET /x/analytics/storage-usage."""
        message = usage_service_pb2.GetStorageUsageRequest()
        reply = await call(self._usage.GetStorageUsage, message, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.storage_usage(reply))

    async def object_accesses(self, request: Request) -> Response:
        """GET /x/analytics/object-accesses."""
        message = analytics.accesses_request(request.query())
        reply = await call(self._object_accesses.ListObjectAccesses, message, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.object_accesses(reply))

    async def duplicates(self, request: Request) -> Response:
        """GET /x/analytics/duplicates."""
        message = duplicate_service_pb2.ListDuplicatesRequest(max_groups=request.query().limit())
        reply = await call(self._duplicates.ListDuplicates, message, timeout=ANALYTICS_SECONDS)
        return responses.json(analytics.duplicates(reply))
