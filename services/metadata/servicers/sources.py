"""SourceService."""

from functools import partial
from typing import Any

from tams.metadata.v1 import source_pb2, source_service_pb2, source_service_pb2_grpc

from services.metadata.application.ports import SourceFilter
from services.metadata.application.sources import Sources
from services.metadata.domain.source import StoredSource, served_document
from services.metadata.servicers.convert import optional, property_changes
from services.shared.rpc.server import Registration


class SourceServicer(source_service_pb2_grpc.SourceServiceServicer):
    """Translates between messages and Sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def GetSource(
        self, request: source_service_pb2.GetSourceRequest, context: Any
    ) -> source_pb2.Source:
        """One source."""
        return _message(await self._sources.get(request.id))

    async def ListSources(
        self, request: source_service_pb2.ListSourcesRequest, context: Any
    ) -> source_service_pb2.ListSourcesResponse:
        """One page of sources."""
        wanted = SourceFilter(
            label=optional(request, "label"),
            format=optional(request, "format"),
            tags=dict(request.tags),
            tag_exists=dict(request.tag_exists),
        )
        page = await self._sources.page(wanted, request.page_size, request.page_token)
        return source_service_pb2.ListSourcesResponse(
            sources=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def UpdateSource(
        self, request: source_service_pb2.UpdateSourceRequest, context: Any
    ) -> source_pb2.Source:
        """Set and unset properties."""
        return _message(await self._sources.update(request.id, property_changes(request.changes)))


def registration(sources: Sources) -> Registration:
    """The service for a server."""
    add = source_service_pb2_grpc.add_SourceServiceServicer_to_server
    return (
        source_service_pb2.DESCRIPTOR.services_by_name["SourceService"],
        partial(add, SourceServicer(sources)),
    )


def _message(source: StoredSource) -> source_pb2.Source:
    return source_pb2.Source(id=source.id, format=source.format, document=served_document(source))
