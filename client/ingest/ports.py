"""The store as an ingest needs it; `client.api.TamsClient` is one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from mediatimestamp import TimeRange

from client.api import Allocation, FailedSegment, Flow, HttpRequest, NewSegment, Segment


class Store(Protocol):
    """Flows, segments and new objects; calls raise the errors of `client.api`."""

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow; NotFound."""

    async def put_flow(self, document: Mapping[str, object]) -> Flow | None:
        """Create or replace a flow."""

    def segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, limit: int = ..., **filters: object
    ) -> AsyncIterator[Segment]:
        """The flow's segments that overlap the range, in time order; none for an unknown flow."""

    async def create_segments(self, flow_id: str, segments: Sequence[NewSegment]) -> list[FailedSegment]:
        """Register segments whose objects are uploaded; returns the refused ones. A single one raises."""

    async def allocate_storage(self, flow_id: str, *, limit: int | None = None) -> list[Allocation]:
        """Allocate objects to upload."""

    async def upload(self, put_url: HttpRequest, content: bytes) -> None:
        """Upload an object's bytes."""
