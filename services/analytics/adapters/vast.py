"""The tables on VAST Database: filtered there, put in order here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.adapters.tables import ArrowStream
from services.analytics.domain.coverage import Span
from services.shared.errors import Unavailable
from services.shared.vast.cluster import Cluster
from services.shared.vast.failures import Failure
from services.shared.vast.filters import EVERYTHING, Above, And, AtLeast, Below, Equal, Filter
from services.shared.vast.plans import Kind

_LOWEST: Final = -(2**63)
_EXTENT: Final = ("start_ns", "end_ns", "end_inclusive")
_STATES: Final = ("allocated", "registered", "unreferenced")


class VastTables:
    """The metadata service's tables, read-only; each read is a transaction of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def check(self) -> None:
        """Return when the tables can be read."""
        with _told():
            self._cluster.run(lambda _: None, Kind.POINT)
            self._cluster.catalog.metadata("segments")

    @contextmanager
    def extent(self, flow_id: str) -> Iterator[ArrowStream]:
        """One row for the flow, none when there is none."""
        yield self._flow(flow_id, _EXTENT)

    @contextmanager
    def segments(self, flow_id: str, within: Span) -> Iterator[ArrowStream]:
        """The segments that overlap a span, by time, clipped to it."""
        found = self._flow(flow_id, ("timeline", "longest_ns")).to_pylist()
        timeline, longest = (found[0]["timeline"], found[0]["longest_ns"]) if found else (-1, 0)
        where = And((
            Equal("flow", timeline),
            # Segments that reach into the span start no earlier than the longest one is long.
            AtLeast("start_ns", max(_LOWEST, within.start - longest)),
            Below("start_ns", within.end),
            Above("end_ns", within.start),
        ))  # fmt: skip
        rows = self._select("segments", ("start_ns", "end_ns"), where, Kind.SCAN).sort_by("start_ns")
        yield pa.table({
            "start_ns": pc.max_element_wise(rows["start_ns"], pa.scalar(within.start)),
            "end_ns": pc.min_element_wise(rows["end_ns"], pa.scalar(within.end)),
        })  # fmt: skip

    @contextmanager
    def objects(self) -> Iterator[ArrowStream]:
        """All objects."""
        rows = self._select("objects", ("storage_id", "size", "state"), EVERYTHING, Kind.SCAN)
        states = {name: pc.equal(rows["state"], name).cast(pa.int64()) for name in _STATES}
        yield pa.table({
            "storage_id": pc.fill_null(rows["storage_id"], ""),
            "size": rows["size"],
            **states,
        })  # fmt: skip

    def _flow(self, flow_id: str, columns: Sequence[str]) -> Any:
        found = self._select("flows", columns, Equal("id", flow_id), Kind.POINT)
        if "end_inclusive" in columns:
            place = found.schema.get_field_index("end_inclusive")
            inclusive = pc.fill_null(found["end_inclusive"], False).cast(pa.int64())
            found = found.set_column(place, "end_inclusive", inclusive)
        return found

    def _select(self, table: str, columns: Sequence[str], where: Filter, kind: Kind) -> Any:
        with _told():
            return self._cluster.run(
                lambda transaction: transaction.select(table, columns, where, kind=kind), kind
            )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Failure as failure:
        raise Unavailable("the table store cannot be read", reason="STORE_UNAVAILABLE") from failure
