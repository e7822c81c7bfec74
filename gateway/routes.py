"""The whole route table, in the order of the TAMS 7.0 specification; extensions last."""

from dataclasses import dataclass

from gateway.handlers.analytics import Analytics
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.documentation import Documentation
from gateway.handlers.flows import Flows
from gateway.handlers.health import Health
from gateway.handlers.objects import Objects
from gateway.handlers.segments import Segments
from gateway.handlers.service import Service
from gateway.handlers.sources import Sources
from gateway.handlers.storage import Storage
from gateway.http.routing import Route


@dataclass(frozen=True, slots=True)
class Handlers:
    """One object for each resource."""

    service: Service
    sources: Sources
    flows: Flows
    segments: Segments
    storage: Storage
    objects: Objects
    deletion_requests: DeletionRequests
    analytics: Analytics
    health: Health
    documentation: Documentation


def routes(to: Handlers) -> tuple[Route, ...]:
    """Every path and method. HEAD comes with GET, OPTIONS with every path."""
    return (
        Route("/", get=to.service.resources),
        Route("/service", get=to.service.get),
        Route("/service/storage-backends", get=to.service.list_storage_backends),
        Route("/sources", get=to.sources.list),
        Route("/sources/{sourceId}", get=to.sources.get),
        Route("/flows", get=to.flows.list),
        Route("/flows/{flowId}", get=to.flows.get, put=to.flows.put, delete=to.flows.delete),
        Route(
            "/flows/{flowId}/segments",
            get=to.segments.list,
            post=to.segments.post,
            delete=to.segments.delete,
        ),
        Route("/flows/{flowId}/storage", post=to.storage.post),
        Route("/objects/{objectId...}", get=to.objects.get),
        Route("/flow-delete-requests", get=to.deletion_requests.list),
        Route("/flow-delete-requests/{requestId}", get=to.deletion_requests.get),
        Route("/x/analytics/flows/{flowId}/coverage", get=to.analytics.coverage),
        Route("/x/analytics/storage-usage", get=to.analytics.storage_usage),
        Route("/health", get=to.health.get),
        Route("/openapi.json", get=to.documentation.openapi),
        Route("/docs", get=to.documentation.page),
    )
