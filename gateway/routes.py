"""The whole route table, in the order of the TAMS 7.0 specification; extensions last."""

from dataclasses import dataclass
from typing import Final

from gateway.handlers.accounts.api_keys import ApiKeys
from gateway.handlers.accounts.tokens import Tokens
from gateway.handlers.accounts.users import Users
from gateway.handlers.administration.administration import TableAdministration
from gateway.handlers.administration.loads import Loads
from gateway.handlers.administration.reconciliation import Reconciliation
from gateway.handlers.administration.unused_objects import UnusedObjects
from gateway.handlers.analytics import Analytics
from gateway.handlers.audit import Audit
from gateway.handlers.batches import Batches
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.documentation import Documentation
from gateway.handlers.flows import Flows
from gateway.handlers.health.health import Health
from gateway.handlers.multipart_uploads import MultipartUploads
from gateway.handlers.object_copies import ObjectCopies
from gateway.handlers.objects import Objects
from gateway.handlers.playlists.media import MediaPlaylists
from gateway.handlers.playlists.multivariant import MultivariantPlaylists
from gateway.handlers.properties import Properties
from gateway.handlers.segments import Segments
from gateway.handlers.service import Service
from gateway.handlers.sources import Sources
from gateway.handlers.storage import Storage
from gateway.handlers.tags import Tags
from gateway.handlers.trash import Trash
from gateway.handlers.webhooks import Webhooks
from gateway.http.routing import DOCUMENT_BYTES, SCOPES, Route
from services.shared.access.principal import Scope


@dataclass(frozen=True, slots=True)
class Handlers:
    """The objects whose methods handle requests, one for each resource."""

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
    multipart_uploads: MultipartUploads
    object_copies: ObjectCopies
    deletion_requests: DeletionRequests
    trash: Trash
    batches: Batches
    analytics: Analytics
    media_playlists: MediaPlaylists
    multivariant_playlists: MultivariantPlaylists
    tokens: Tokens
    administration: TableAdministration
    loads: Loads
    unused_objects: UnusedObjects
    reconciliation: Reconciliation
    audit: Audit
    users: Users
    api_keys: ApiKeys
    health: Health
    documentation: Documentation


# Properties that can be set and unset: texts of sources and flows, numbers of flows.
_TEXTS: Final = ("description", "label")
_NUMBERS: Final = ("max_bit_rate", "avg_bit_rate")

# Every method of administration needs this scope.
_ADMIN: Final = dict.fromkeys(SCOPES, Scope.ADMIN)

# The largest request body in bytes if it is not a document: a text; a number or flag.
_TEXT_BYTES: Final = 128 * 1024
_VALUE_BYTES: Final = 4 * 1024


def routes(to: Handlers) -> tuple[Route, ...]:
    """All routes. A route with GET also answers HEAD, and every route answers OPTIONS."""
    return (
        *_service(to),
        *_sources(to),
        *_flows(to),
        *_segments(to),
        *_extensions(to),
        *_multipart_uploads(to.multipart_uploads),
        *_object_copies(to.object_copies),
        *_administration(to),
        Route("/x/audit", scopes=_ADMIN, get=to.audit.list),
        *_accounts(to),
        Route("/ready", public=True, get=to.health.ready),
        Route("/health", public=True, get=to.health.get),
        Route("/health/live", public=True, get=to.health.live),
        Route("/health/details", get=to.health.details),
        Route("/openapi.json", public=True, get=to.documentation.openapi),
        Route("/docs", public=True, get=to.documentation.page),
        Route("/docs/{file}", public=True, get=to.documentation.file),
    )


def _service(to: Handlers) -> tuple[Route, ...]:
    return (
        Route("/", get=to.service.resources),
        Route("/service", scopes={"POST": Scope.ADMIN}, get=to.service.get, post=to.service.post),
        Route("/service/storage-backends", get=to.service.list_storage_backends),
        Route("/service/webhooks", get=to.webhooks.list, post=to.webhooks.post),
    )


def _sources(to: Handlers) -> tuple[Route, ...]:
    path = "/sources/{sourceId}"
    return (
        Route("/sources", get=to.sources.list),
        Route(path, get=to.sources.get, delete=to.sources.delete),
        *_tags(path, to.source_properties, to.source_tags),
        *(_property(f"{path}/{name}", to.source_properties, _TEXT_BYTES) for name in _TEXTS),
    )


def _flows(to: Handlers) -> tuple[Route, ...]:
    path = "/flows/{flowId}"
    properties = to.flow_properties
    return (
        Route("/flows", get=to.flows.list),
        Route(path, get=to.flows.get, put=to.flows.put, delete=to.flows.delete),
        *_tags(path, properties, to.flow_tags),
        *(_property(f"{path}/{name}", properties, _TEXT_BYTES) for name in _TEXTS),
        Route(f"{path}/read_only", body_bytes=_VALUE_BYTES, get=properties.get, put=properties.put),
        _property(f"{path}/flow_collection", properties, DOCUMENT_BYTES),
        *(_property(f"{path}/{name}", properties, _VALUE_BYTES) for name in _NUMBERS),
    )


def _tags(path: str, properties: Properties, tags: Tags) -> tuple[Route, ...]:
    return (
        Route(f"{path}/tags", get=properties.get),
        Route(
            f"{path}/tags/{{name...}}",
            body_bytes=_TEXT_BYTES,
            get=tags.get,
            put=tags.put,
            delete=tags.delete,
        ),
    )


def _property(path: str, properties: Properties, body_bytes: int) -> Route:
    return Route(
        path, body_bytes=body_bytes, get=properties.get, put=properties.put, delete=properties.delete
    )


def _segments(to: Handlers) -> tuple[Route, ...]:
    segments = to.segments
    return (
        Route(
            "/flows/{flowId}/segments",
            body_bytes=None,
            get=segments.list,
            post=segments.post,
            delete=segments.delete,
        ),
        Route("/flows/{flowId}/storage", post=to.storage.post),
        Route("/objects/{objectId...}", get=to.objects.get, delete=to.objects.delete),
        Route("/flow-delete-requests", get=to.deletion_requests.list),
        Route("/flow-delete-requests/{requestId}", get=to.deletion_requests.get),
    )


def _extensions(to: Handlers) -> tuple[Route, ...]:
    return (
        Route("/x/sources/batch", body_bytes=None, post=to.batches.sources),
        _bulk_tags("/x/sources/{sourceId}/tags", to.source_tags),
        Route("/x/flows/batch", body_bytes=None, post=to.batches.flows),
        _bulk_tags("/x/flows/{flowId}/tags", to.flow_tags),
        Route("/x/trash", get=to.trash.list),
        Route("/x/trash/{entryId}", scopes={"DELETE": Scope.ADMIN}, delete=to.trash.purge),
        Route("/x/trash/{entryId}/restore", post=to.trash.restore_entry),
        Route("/x/flows/{flowId}/restore", post=to.trash.restore_flow),
        Route("/x/sources/{sourceId}/restore", post=to.trash.restore_source),
        Route("/x/analytics/flows/{flowId}/coverage", get=to.analytics.coverage),
        Route("/x/analytics/storage-usage", get=to.analytics.storage_usage),
        Route("/x/analytics/object-accesses", get=to.analytics.object_accesses),
        Route("/x/analytics/duplicates", get=to.analytics.duplicates),
        Route("/x/flows/{flowId}/playlist.m3u8", get=to.media_playlists.get),
        Route("/x/flows/{flowId}/multivariant.m3u8", get=to.multivariant_playlists.of_flow),
        Route("/x/sources/{sourceId}/multivariant.m3u8", get=to.multivariant_playlists.of_source),
        # Who may read may have tokens; the handler checks the scope of each method that they are for.
        Route("/x/tokens", scopes={"POST": Scope.READ}, post=to.tokens.post),
    )


def _multipart_uploads(to: MultipartUploads) -> tuple[Route, ...]:
    uploads, write = "/x/objects/{objectId+}/uploads", Scope.WRITE
    upload = f"{uploads}/{{uploadId}}"
    return (
        Route(uploads, scopes={"GET": write}, body_bytes=_VALUE_BYTES, get=to.list, post=to.post),
        Route(upload, scopes={"DELETE": write}, delete=to.delete),
        Route(f"{upload}/parts", scopes={"GET": write}, body_bytes=_VALUE_BYTES, get=to.parts),
        Route(f"{upload}/part-urls", body_bytes=_TEXT_BYTES, post=to.sign),
        Route(f"{upload}/complete", body_bytes=DOCUMENT_BYTES, post=to.complete),
    )


def _object_copies(to: ObjectCopies) -> tuple[Route, ...]:
    return (
        Route("/x/objects/{objectId+}/copies", get=to.list),
        Route(
            "/x/admin/object-copies", scopes=_ADMIN, body_bytes=_TEXT_BYTES, post=to.post, delete=to.delete
        ),
    )


def _administration(to: Handlers) -> tuple[Route, ...]:
    admin, loads, unused = to.administration, to.loads, to.unused_objects
    table = "/x/admin/tables/{table}"
    return (
        Route("/x/admin/tables", scopes=_ADMIN, get=admin.tables),
        Route(f"{table}/columns", scopes=_ADMIN, post=admin.add_column),
        Route(
            f"{table}/columns/{{column}}",
            scopes=_ADMIN,
            get=admin.column,
            put=admin.rename_column,
            delete=admin.drop_column,
        ),
        Route(f"{table}/projections", scopes=_ADMIN, get=admin.projections, post=admin.create_projection),
        Route(f"{table}/projections/{{projection}}", scopes=_ADMIN, delete=admin.drop_projection),
        Route("/x/admin/cache", scopes=_ADMIN, delete=admin.refresh),
        Route("/x/admin/reset", scopes=_ADMIN, post=admin.reset),
        Route("/x/admin/consistency", scopes=_ADMIN, get=admin.consistency, post=admin.repair),
        Route("/x/admin/loads", scopes=_ADMIN, get=loads.list, post=loads.post),
        Route("/x/admin/loads/{loadId}", scopes=_ADMIN, get=loads.get, put=loads.finish, delete=loads.delete),
        Route("/x/admin/loads/{loadId}/rows", scopes=_ADMIN, body_bytes=None, post=loads.rows),
        Route("/x/admin/unused-objects", scopes=_ADMIN, get=unused.list, delete=unused.delete),
        Route("/x/admin/reconciliation", scopes=_ADMIN, get=to.reconciliation.get),
    )


def _accounts(to: Handlers) -> tuple[Route, ...]:
    users, keys, limit = to.users, to.api_keys, _TEXT_BYTES
    return (
        Route("/x/users", scopes=_ADMIN, body_bytes=limit, get=users.list, post=users.post),
        Route(
            "/x/users/{user}",
            scopes=_ADMIN,
            body_bytes=limit,
            get=users.get,
            put=users.put,
            delete=users.delete,
        ),
        # Every user may change the own password, who may at least read.
        Route(
            "/x/users/me/password",
            scopes={"POST": Scope.READ},
            body_bytes=limit,
            post=users.change_own_password,
        ),
        Route("/x/api-keys", scopes=_ADMIN, body_bytes=limit, get=keys.list, post=keys.post),
        Route(
            "/x/api-keys/{keyId}",
            scopes=_ADMIN,
            body_bytes=limit,
            get=keys.get,
            put=keys.put,
            delete=keys.delete,
        ),
    )


def _bulk_tags(path: str, tags: Tags) -> Route:
    return Route(path, put=tags.put_all, post=tags.post, delete=tags.delete_all)
