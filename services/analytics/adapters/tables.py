"""What the DuckDB adapters need from a table store: filtered rows as Arrow streams."""

from contextlib import AbstractContextManager
from typing import Protocol

from services.analytics.domain.coverage import Span


class ArrowStream(Protocol):
    """Record batches behind the Arrow PyCapsule interface; read once."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The capsule."""
        ...


class Tables(Protocol):
    """A table store. Every method raises Unavailable when it is away."""

    def check(self) -> None:
        """Return when the tables can be read."""
        ...

    def extent(self, flow_id: str) -> AbstractContextManager[ArrowStream]:
        """One row for the flow, none when there is none: start_ns and end_ns of its segments, both
        NULL without segments, and end_inclusive (0 or 1)."""
        ...

    def segments(self, flow_id: str, within: Span) -> AbstractContextManager[ArrowStream]:
        """The segments that overlap a span, by time, clipped to it: start_ns, end_ns."""
        ...

    def objects(self) -> AbstractContextManager[ArrowStream]:
        """All objects: storage_id (text, empty outside this store), size (NULL until measured), and
        allocated, registered, unreferenced (0 or 1)."""
        ...
