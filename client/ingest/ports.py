"""What an ingest needs of a store; `client.api.TamsClient` has it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from mediatimestamp import TimeRange

from client.api import Allocation, FailedSegment, Flow, HttpRequest, NewSegment, Segment


class Store(Protocol):
    """Flows, segments and room for objects; calls raise the errors of `client.api`."""

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow; NotFound."""

    async def put_flow(self, document: Mapping[str, Any]) -> Flow | None:
        """Make or replace a flow."""

    def segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, limit: int = ..., **filters: Any
    ) -> AsyncIterator[Segment]:
        """The flow's segments that overlap the range, in time order; none for an unknown flow."""

    async def create_segments(self, flow_id: str, segments: Sequence[NewSegment]) -> list[FailedSegment]:
        """Register segments whose objects are uploaded; those that were refused. A single one raises."""

    async def allocate_storage(self, flow_id: str, *, limit: int | None = None) -> list[Allocation]:
        """New objects to upload."""

    async def upload(self, put_url: HttpRequest, content: bytes) -> None:
        """Send an object's bytes."""
