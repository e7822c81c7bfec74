"""The store as an export needs it; `client.api.TamsClient` is one."""

from collections.abc import AsyncIterator
from typing import Protocol

from mediatimestamp import TimeRange

from client.api import Flow, Segment


class Store(Protocol):
    """Flows, their segments, and the bytes behind the segments' URLs."""

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow, with the range its segments span if requested."""

    def segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, limit: int = ..., **filters: object
    ) -> AsyncIterator[Segment]:
        """The flow's segments that overlap the range, in time order; `reverse_order=True` reverses it."""

    async def download(self, url: str) -> bytes:
        """All bytes of an object."""
