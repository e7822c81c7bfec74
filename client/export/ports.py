"""What an export needs of a store; `client.api.TamsClient` has it."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from mediatimestamp import TimeRange

from client.api import Flow, Segment


class Store(Protocol):
    """Flows, their segments, and the bytes behind the segments' URLs."""

    async def flow(self, flow_id: str, *, include_timerange: bool = False) -> Flow:
        """One flow, with the range its segments span where asked for."""

    def segments(
        self, flow_id: str, timerange: TimeRange | None = None, *, limit: int = ..., **filters: Any
    ) -> AsyncIterator[Segment]:
        """The flow's segments that overlap the range, in time order; `reverse_order=True` turns it."""

    async def download(self, url: str) -> bytes:
        """All bytes of an object."""
