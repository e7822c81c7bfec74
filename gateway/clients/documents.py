"""Sources and flows as JSON documents whose properties can be read and changed one by one."""

from collections.abc import Sequence
from typing import Protocol

from tams.metadata.v1 import flow_service_pb2, property_pb2, source_service_pb2

from gateway.clients.flows import FlowReader
from gateway.clients.services import Services
from services.shared.rpc.client import call


class Documents(Protocol):
    """The documents of one kind of resource."""

    async def get(self, resource_id: str) -> bytes:
        """The document as TAMS JSON. NotFound if it does not exist or the id is malformed."""

    async def change(self, resource_id: str, changes: Sequence[property_pb2.PropertyChange]) -> None:
        """Make all changes, or none if there is an error.

        NotFound if the document does not exist, InvalidArgument for a bad value, Conflict if the document
        changed meanwhile.
        """


class SourceDocuments:
    """The documents of sources."""

    def __init__(self, services: Services) -> None:
        self._sources = services.sources

    async def get(self, resource_id: str) -> bytes:
        """The source as TAMS JSON. NotFound if it does not exist."""
        return (
            await call(self._sources.GetSource, source_service_pb2.GetSourceRequest(id=resource_id))
        ).document

    async def change(self, resource_id: str, changes: Sequence[property_pb2.PropertyChange]) -> None:
        """Change the source; the errors are those of `Documents.change`."""
        await call(
            self._sources.UpdateSource,
            source_service_pb2.UpdateSourceRequest(id=resource_id, changes=changes),
        )


class FlowDocuments:
    """The documents of flows."""

    def __init__(self, services: Services, reader: FlowReader) -> None:
        self._flows = services.flows
        self._reader = reader

    async def get(self, resource_id: str) -> bytes:
        """The flow as TAMS JSON. NotFound if it does not exist."""
        return (await self._reader(flow_service_pb2.GetFlowRequest(id=resource_id))).document

    async def change(self, resource_id: str, changes: Sequence[property_pb2.PropertyChange]) -> None:
        """Change the flow; also PermissionDenied if it is read-only."""
        await call(
            self._flows.UpdateFlow, flow_service_pb2.UpdateFlowRequest(id=resource_id, changes=changes)
        )
