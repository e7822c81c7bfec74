"""Reads the tables on VAST Database as streams of batches; the cluster filters the rows."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from time import monotonic
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.adapters.tables import ArrowStream
from services.analytics.adapters.vast_objects import CATALOG, OBJECT, read_catalog, read_objects
from services.analytics.adapters.windows import MAX_ROWS, Part, Window, cut, divide, in_order
from services.analytics.domain.coverage import Span
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.filters.filters import Above, And, AtLeast, Below, Equal
from services.vast_client.plans import Kind
from services.vast_client.transactions.streams import Batches
from services.vast_client.transactions.transaction import Transaction

# After a successful read the tables count as readable for this time; so an idle store sends few requests.
_READABLE_SECONDS: Final = 15.0
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_EXTENT: Final = ("start_ns", "end_ns", "end_inclusive")
_TIMELINE: Final = ("timeline", "segments", "start_ns", "end_ns", "longest_ns")
_SEGMENT: Final = pa.schema({"start_ns": pa.int64(), "end_ns": pa.int64()})


class VastTables:
    """The tables of the metadata service, read-only. Each read has its own transaction."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._last_read = float("-inf")

    def check(self) -> None:
        """Check that the tables can be read; sends no request if they were read in the last 15 s."""
        if monotonic() - self._last_read < _READABLE_SECONDS:
            return
        with self._reading():
            self._cluster.run(lambda _: None, Kind.POINT)
            self._cluster.catalog.metadata("segments")

    @contextmanager
    def extent(self, flow_id: str) -> Iterator[ArrowStream]:
        """One row with the extent of the flow, no row if the flow does not exist."""
        with self._reading():
            rows = self._cluster.run(partial(_flow, flow_id, _EXTENT), Kind.POINT)
        inclusive = pc.fill_null(rows["end_inclusive"], False).cast(pa.int64())
        yield rows.set_column(_EXTENT.index("end_inclusive"), "end_inclusive", inclusive)

    def segments(self, flow_id: str, within: Span) -> AbstractContextManager[ArrowStream]:
        """The segments that overlap a span, in order of time and clipped to it."""
        return self._stream(_SEGMENT, partial(_segments, flow_id, within))

    def objects(self) -> AbstractContextManager[ArrowStream]:
        """All objects."""
        return self._stream(OBJECT, read_objects)

    def catalog(self) -> AbstractContextManager[ArrowStream]:
        """The objects of this store that segments outside the trash use."""
        return self._stream(CATALOG, read_catalog)

    def most_accessed(self, limit: int) -> AbstractContextManager[ArrowStream]:  # noqa: ARG002 - see below
        """All rows of `catalog`, because the server does not sort."""
        return self.catalog()

    @contextmanager
    def _stream(self, schema: pa.Schema, read: Callable[[Transaction], Batches]) -> Iterator[ArrowStream]:
        with self._reading(), self._cluster.reading(Kind.POINT) as transaction:
            batches = read(transaction)
            stream = _Stream(schema, batches)
            try:
                yield stream
            except Exception:
                # The reader of the stream raises an error of its own instead of the failure.
                if stream.failure is not None:
                    raise stream.failure from None
                raise
            finally:
                batches.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except Failure as failure:
            self._last_read = float("-inf")
            raise Unavailable("the table store cannot be read", reason="STORE_UNAVAILABLE") from failure
        self._last_read = monotonic()


class _Stream:
    """Batches with the Arrow PyCapsule interface. `failure` is the error that ended them early, if any."""

    def __init__(self, schema: pa.Schema, batches: Batches) -> None:
        self.failure: Failure | None = None
        self._reader = pa.RecordBatchReader.from_batches(schema, self._noting_failure(batches))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._reader.__arrow_c_stream__(requested_schema)

    def _noting_failure(self, batches: Batches) -> Batches:
        try:
            yield from batches
        except Failure as failure:
            self.failure = failure
            raise


def _flow(flow_id: str, columns: tuple[str, ...], transaction: Transaction) -> pa.Table:
    return transaction.select("flows", columns, Equal("id", flow_id), kind=Kind.POINT)


def _segments(flow_id: str, within: Span, transaction: Transaction) -> Batches:
    for flow in _flow(flow_id, _TIMELINE, transaction).slice(0, 1).to_pylist():
        # A segment that reaches into the span starts at most the longest duration before it.
        low = max(_LOWEST, within.start - (flow["longest_ns"] or 0))
        whole = Window(low, min(_HIGHEST, within.end))
        dense = Window(flow["start_ns"] or 0, flow["end_ns"] or 0)
        rows = _estimate(flow["segments"] or 0, whole, dense)
        read = partial(_window, transaction, flow["timeline"], within.start)
        with closing(in_order(cut(whole, dense, rows), read)) as batches:
            for batch in batches:
                yield _clipped(batch, within)


def _estimate(segments: int, whole: Window, dense: Window) -> int:
    """The estimated number of segments in `whole`, for a flow with `segments` segments within `dense`."""
    common = min(whole.high, dense.high) - max(whole.low, dense.low)
    return segments * max(0, common) // max(1, dense.high - dense.low)


def _window(transaction: Transaction, timeline: int, end_after: int, window: Window) -> Part:
    where = And((
        Equal("flow", timeline),
        AtLeast("start_ns", window.low),
        Below("start_ns", window.high),
        Above("end_ns", end_after),
    ))  # fmt: skip
    rows = transaction.page("segments", _SEGMENT.names, where, MAX_ROWS)
    if rows.num_rows < MAX_ROWS or window.high - window.low == 1:
        return Part(rows.sort_by("start_ns"))
    return Part(None, divide(window, rows["start_ns"]))


def _clipped(rows: pa.RecordBatch, within: Span) -> pa.RecordBatch:
    start = pc.max_element_wise(rows["start_ns"], pa.scalar(within.start))
    end = pc.min_element_wise(rows["end_ns"], pa.scalar(within.end))
    return pa.RecordBatch.from_arrays([start, end], schema=_SEGMENT)
