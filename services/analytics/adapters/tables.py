"""What the DuckDB adapters need from a table store: point answers, and filtered rows as Arrow streams."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from services.analytics.domain.coverage import Span
from services.shared.timerange import TimeRange


class ArrowStream(Protocol):
    """Record batches behind the Arrow PyCapsule interface; read once."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The capsule."""
        ...


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A flow's short id, and the extent of its segments."""

    row: int
    extent: TimeRange


class Tables(Protocol):
    """A table store. Every method raises Unavailable when it is away."""

    def check(self) -> None:
        """Return when the tables can be read."""
        ...

    def flow(self, flow_id: str) -> FlowRow | None:
        """The flow; None when there is none. A few index seeks: quick enough for the event loop."""
        ...

    def segments(self, flow: FlowRow, within: Span) -> AbstractContextManager[ArrowStream]:
        """The segments that overlap a span, by time, clipped to it: start_ns, end_ns, all int64."""
        ...

    def objects(self) -> AbstractContextManager[ArrowStream]:
        """All objects: storage_id (text, empty outside this store), size (NULL until measured), and
        allocated, registered, unreferenced (0 or 1)."""
        ...
