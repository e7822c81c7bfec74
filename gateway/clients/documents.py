"""Sources and flows as documents whose properties can be changed one by one."""

from collections.abc import Sequence
from typing import Protocol

from tams.metadata.v1.flow_service_pb2 import GetFlowRequest, UpdateFlowRequest
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.source_service_pb2 import GetSourceRequest, UpdateSourceRequest

from gateway.clients.flows import FlowReader
from gateway.clients.services import Services
from services.shared.rpc.client import call


class Documents(Protocol):
    """The documents of one kind of resource."""

    async def get(self, resource_id: str) -> bytes:
        """The document, TAMS JSON. NotFound when there is none or the id is malformed."""

    async def change(self, resource_id: str, changes: Sequence[PropertyChange]) -> None:
        """Make all of the changes or, with an error, none."""


class SourceDocuments:
    """The sources."""

    def __init__(self, services: Services) -> None:
        self._sources = services.sources

    async def get(self, resource_id: str) -> bytes:
        """The source."""
        return (await call(self._sources.GetSource, GetSourceRequest(id=resource_id))).document

    async def change(self, resource_id: str, changes: Sequence[PropertyChange]) -> None:
        """Change the source."""
        await call(self._sources.UpdateSource, UpdateSourceRequest(id=resource_id, changes=changes))


class FlowDocuments:
    """The flows."""

    def __init__(self, services: Services, reader: FlowReader) -> None:
        self._flows = services.flows
        self._reader = reader

    async def get(self, resource_id: str) -> bytes:
        """The flow."""
        return (await self._reader(GetFlowRequest(id=resource_id))).document

    async def change(self, resource_id: str, changes: Sequence[PropertyChange]) -> None:
        """Change the flow; PermissionDenied when it is read-only."""
        await call(self._flows.UpdateFlow, UpdateFlowRequest(id=resource_id, changes=changes))
