"""SourceService."""

from functools import partial

from tams.metadata.v1 import source_pb2, source_service_pb2, source_service_pb2_grpc

from services.metadata.application.ports import SourceFilter
from services.metadata.application.sources.sources import Sources
from services.metadata.application.trash.cascades import Cascades
from services.metadata.domain.source import StoredSource, served_document
from services.metadata.servicers import deletion_requests
from services.metadata.servicers.convert import (
    delete_options,
    optional,
    optional_text_digest,
    property_changes,
    text_digest,
)
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class SourceServicer(source_service_pb2_grpc.SourceServiceServicer):
    """Translates between messages and Sources."""

    def __init__(self, sources: Sources, cascades: Cascades) -> None:
        self._sources = sources
        self._cascades = cascades

    async def GetSource(
        self, request: source_service_pb2.GetSourceRequest, context: Context
    ) -> source_pb2.Source:
        """Return a source."""
        return _message(await self._sources.get(request.id))

    async def ListSources(
        self, request: source_service_pb2.ListSourcesRequest, context: Context
    ) -> source_service_pb2.ListSourcesResponse:
        """Return a page of sources."""
        criteria = SourceFilter(
            label=optional(request, "label"),
            format=optional(request, "format"),
            tags=dict(request.tags),
            tag_exists=dict(request.tag_exists),
            label_digest=optional_text_digest(request, "label_digest"),
            tag_digests={name: text_digest(digest) for name, digest in request.tag_digests.items()},
        )
        page = await self._sources.page(criteria, request.page_size, request.page_token)
        return source_service_pb2.ListSourcesResponse(
            sources=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def UpdateSource(
        self, request: source_service_pb2.UpdateSourceRequest, context: Context
    ) -> source_pb2.Source:
        """Set and unset properties of a source."""
        return _message(await self._sources.update(request.id, property_changes(request.changes)))

    async def DeleteSource(
        self, request: source_service_pb2.DeleteSourceRequest, context: Context
    ) -> source_service_pb2.DeleteSourceResponse:
        """Delete a source with its flows."""
        deletion = await self._cascades.delete_source(
            request.id, cascade=request.cascade, options=delete_options(request.options)
        )
        return source_service_pb2.DeleteSourceResponse(
            deletion_request=deletion_requests.message(deletion) if deletion else None
        )


def registration(sources: Sources, cascades: Cascades) -> Registration:
    """The SourceService for a server."""
    add = source_service_pb2_grpc.add_SourceServiceServicer_to_server
    return (
        source_service_pb2.DESCRIPTOR.services_by_name["SourceService"],
        partial(add, SourceServicer(sources, cascades)),
    )


def _message(source: StoredSource) -> source_pb2.Source:
    return source_pb2.Source(document=served_document(source))
