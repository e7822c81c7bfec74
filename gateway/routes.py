"""The whole route table, in the order of the TAMS 7.0 specification; extensions last."""

from dataclasses import dataclass
from typing import Final

from gateway.handlers.analytics import Analytics
from gateway.handlers.batches import Batches
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.documentation import Documentation
from gateway.handlers.flows import Flows
from gateway.handlers.health import Health
from gateway.handlers.loads import Loads
from gateway.handlers.objects import Objects
from gateway.handlers.properties import Properties
from gateway.handlers.segments import Segments
from gateway.handlers.service import Service
from gateway.handlers.sources import Sources
from gateway.handlers.storage import Storage
from gateway.handlers.table_admin import TableAdmin
from gateway.handlers.tags import Tags
from gateway.handlers.webhooks import Webhooks
from gateway.http.routing import Route


@dataclass(frozen=True, slots=True)
class Handlers:
    """One object for each resource."""

    service: Service
    webhooks: Webhooks
    sources: Sources
    source_properties: Properties
    source_tags: Tags
    flows: Flows
    flow_properties: Properties
    flow_tags: Tags
    segments: Segments
    storage: Storage
    objects: Objects
    deletion_requests: DeletionRequests
    batches: Batches
    analytics: Analytics
    table_admin: TableAdmin
    loads: Loads
    health: Health
    documentation: Documentation


# Properties that can be set and unset: of sources and flows, and the rest of those of flows.
_TEXTS: Final = ("description", "label")
_REST: Final = ("flow_collection", "max_bit_rate", "avg_bit_rate")


def routes(to: Handlers) -> tuple[Route, ...]:
    """Every path and method. HEAD comes with GET, OPTIONS with every path."""
    return (
        *_service(to),
        *_sources(to),
        *_flows(to),
        *_segments(to),
        *_extensions(to),
        *_administration(to),
        Route("/health", get=to.health.get),
        Route("/openapi.json", get=to.documentation.openapi),
        Route("/docs", get=to.documentation.page),
    )


def _service(to: Handlers) -> tuple[Route, ...]:
    return (
        Route("/", get=to.service.resources),
        Route("/service", get=to.service.get, post=to.service.post),
        Route("/service/storage-backends", get=to.service.list_storage_backends),
        Route("/service/webhooks", get=to.webhooks.list, post=to.webhooks.post),
    )


def _sources(to: Handlers) -> tuple[Route, ...]:
    path = "/sources/{sourceId}"
    return (
        Route("/sources", get=to.sources.list),
        Route(path, get=to.sources.get),
        *_tags(path, to.source_properties, to.source_tags),
        *(_property(f"{path}/{name}", to.source_properties) for name in _TEXTS),
    )


def _flows(to: Handlers) -> tuple[Route, ...]:
    path = "/flows/{flowId}"
    of_flow = to.flow_properties
    return (
        Route("/flows", get=to.flows.list),
        Route(path, get=to.flows.get, put=to.flows.put, delete=to.flows.delete),
        *_tags(path, of_flow, to.flow_tags),
        *(_property(f"{path}/{name}", of_flow) for name in _TEXTS),
        Route(f"{path}/read_only", get=of_flow.get, put=of_flow.put),
        *(_property(f"{path}/{name}", of_flow) for name in _REST),
    )


def _tags(path: str, properties: Properties, tags: Tags) -> tuple[Route, ...]:
    return (
        Route(f"{path}/tags", get=properties.get),
        Route(f"{path}/tags/{{name...}}", get=tags.get, put=tags.put, delete=tags.delete),
    )


def _property(path: str, properties: Properties) -> Route:
    return Route(path, get=properties.get, put=properties.put, delete=properties.delete)


def _segments(to: Handlers) -> tuple[Route, ...]:
    segments = to.segments
    return (
        Route("/flows/{flowId}/segments", get=segments.list, post=segments.post, delete=segments.delete),
        Route("/flows/{flowId}/storage", post=to.storage.post),
        Route("/objects/{objectId...}", get=to.objects.get),
        Route("/flow-delete-requests", get=to.deletion_requests.list),
        Route("/flow-delete-requests/{requestId}", get=to.deletion_requests.get),
    )


def _extensions(to: Handlers) -> tuple[Route, ...]:
    return (
        Route("/x/sources/batch", post=to.batches.sources),
        _bulk_tags("/x/sources/{sourceId}/tags", to.source_tags),
        Route("/x/flows/batch", post=to.batches.flows),
        _bulk_tags("/x/flows/{flowId}/tags", to.flow_tags),
        Route("/x/analytics/flows/{flowId}/coverage", get=to.analytics.coverage),
        Route("/x/analytics/storage-usage", get=to.analytics.storage_usage),
    )


def _administration(to: Handlers) -> tuple[Route, ...]:
    admin, loads, table = to.table_admin, to.loads, "/x/admin/tables/{table}"
    return (
        Route("/x/admin/tables", get=admin.tables),
        Route(f"{table}/columns", post=admin.add_column),
        Route(
            f"{table}/columns/{{column}}",
            get=admin.column,
            put=admin.rename_column,
            delete=admin.drop_column,
        ),
        Route(f"{table}/projections", get=admin.projections, post=admin.create_projection),
        Route(f"{table}/projections/{{projection}}", delete=admin.drop_projection),
        Route("/x/admin/cache", delete=admin.refresh),
        Route("/x/admin/reset", post=admin.reset),
        Route("/x/admin/consistency", get=admin.consistency),
        Route("/x/admin/loads", post=loads.post),
        Route("/x/admin/loads/{loadId}", get=loads.get, put=loads.finish, delete=loads.delete),
        Route("/x/admin/loads/{loadId}/rows", post=loads.rows),
    )


def _bulk_tags(path: str, tags: Tags) -> Route:
    return Route(path, put=tags.put_all, post=tags.post, delete=tags.delete_all)
