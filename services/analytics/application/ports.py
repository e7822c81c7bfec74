"""What analytics needs from the world."""

from collections.abc import Sequence
from typing import Protocol

from services.analytics.domain.coverage import Span, Stretches
from services.analytics.domain.usage import StorageUsage
from services.shared.timerange import TimeRange


class Timelines(Protocol):
    """The segments of flows, seen as time.

    Every method raises Unavailable when the table store is away and Exhausted when too much is asked
    at once; a caller that stops waiting stops the work.
    """

    async def extent(self, flow_id: str) -> TimeRange | None:
        """From the first instant of the flow's segments to the last; None when there is no such flow."""
        ...

    async def stretches(self, flow_id: str, within: Span, limit: int) -> Stretches:
        """The stretches that the flow's segments cover within a span; at most `limit` listed."""
        ...


class Inventory(Protocol):
    """The object registry, seen as storage. Raises as Timelines does."""

    async def usage(self) -> Sequence[StorageUsage]:
        """The usage of each backend that holds objects, ascending by id."""
        ...
