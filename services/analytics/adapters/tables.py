"""The port of the DuckDB adapters: a table store that returns filtered rows as Arrow streams."""

from contextlib import AbstractContextManager
from typing import Protocol

from services.analytics.domain.coverage import Span


class ArrowStream(Protocol):
    """Record batches with the Arrow PyCapsule interface. They can be read once."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The capsule."""
        ...


class Tables(Protocol):
    """A table store. All methods raise Unavailable STORE_UNAVAILABLE if it cannot be read."""

    def check(self) -> None:
        """Check that the tables can be read."""
        ...

    def extent(self, flow_id: str) -> AbstractContextManager[ArrowStream]:
        """One row for the flow, no row if it does not exist.

        Columns: start_ns and end_ns of its segments, both NULL without segments; end_inclusive, 0 or 1.
        """
        ...

    def segments(self, flow_id: str, within: Span) -> AbstractContextManager[ArrowStream]:
        """The segments that overlap a span, in order of time and clipped to it.

        Columns: start_ns, end_ns.
        """
        ...

    def catalog(self) -> AbstractContextManager[ArrowStream]:
        """The objects of this store that segments outside the trash use.

        Columns: object_id, storage_id, storage_path; size in bytes, NULL until measured; etag, empty if it is
        not known; urls, the number of URLs that were signed to read it; last_ms, when the last was counted.
        """
        ...

    def most_accessed(self, limit: int) -> AbstractContextManager[ArrowStream]:
        """Rows of `catalog` in no order, with all those that have the most URLs, up to `limit`."""
        ...

    def objects(self) -> AbstractContextManager[ArrowStream]:
        """All objects. Those that only segments in the trash use do not count as registered.

        Columns: storage_id, text, empty outside this store; size in bytes, NULL until measured; allocated,
        registered and unreferenced, 0 or 1.
        """
        ...
