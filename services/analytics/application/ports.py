"""The ports of analytics: flows and their timelines, and objects."""

from collections.abc import Sequence
from typing import Protocol

from services.analytics.domain.coverage import Span, Stretches
from services.analytics.domain.objects import DuplicateReport, ObjectAccess
from services.analytics.domain.usage import StorageUsage
from services.shared.timerange import TimeRange


class Timelines(Protocol):
    """The segments of flows as ranges of time.

    All methods raise Unavailable if the table store cannot be read, and Exhausted for too many queries or too
    much memory. If the caller is cancelled, the query stops.
    """

    async def extent(self, flow_id: str) -> TimeRange | None:
        """The range from the first to the last segment of the flow; None if the flow does not exist."""
        ...

    async def stretches(self, flow_id: str, within: Span, limit: int) -> Stretches:
        """The stretches with media of the flow within a span; lists at most the first `limit`."""
        ...


class Flows(Protocol):
    """The flows as the present caller sees them."""

    async def sees(self, flow_id: str) -> bool:
        """True if the caller sees the flow. Unavailable if that cannot be found out."""
        ...


class Objects(Protocol):
    """The objects as the present caller sees them."""

    async def seen(self, object_ids: Sequence[str]) -> frozenset[str]:
        """The objects, among at most 1000, that the caller sees. Unavailable if that cannot be found out."""
        ...


class Catalog(Protocol):
    """The objects that segments of flows use. Raises the same errors as Timelines."""

    async def accesses(self, *, least: bool, limit: int) -> Sequence[ObjectAccess]:
        """The objects with the fewest URLs, or those with the most that have any, in order."""
        ...

    async def duplicates(self, limit: int) -> DuplicateReport:
        """The groups of objects with the same bytes, up to `limit` that waste the most."""
        ...


class Inventory(Protocol):
    """The objects by storage backend. Raises the same errors as Timelines."""

    async def usage(self) -> Sequence[StorageUsage]:
        """The usage of each backend that has objects, ascending by id."""
        ...
