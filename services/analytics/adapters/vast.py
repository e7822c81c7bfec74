"""Reads the tables on VAST Database as streams of batches; the cluster filters the rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from time import monotonic
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.adapters.tables import ArrowStream
from services.analytics.adapters.windows import MAX_ROWS, Part, Window, cut, divide, in_order
from services.analytics.domain.coverage import Span
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.filters.filters import EVERYTHING, Above, And, AtLeast, Below, Equal, In
from services.vast_client.plans import Kind
from services.vast_client.transactions.streams import Batches
from services.vast_client.transactions.transaction import Transaction

# After a successful read the tables count as readable for this time; so an idle store sends few requests.
_READABLE_SECONDS: Final = 15.0
# Timelines in one request.
_TIMELINES: Final = 100
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_EXTENT: Final = ("start_ns", "end_ns", "end_inclusive")
_TIMELINE: Final = ("timeline", "segments", "start_ns", "end_ns", "longest_ns")
_STATES: Final = ("allocated", "registered", "unreferenced")
# The state of an object as which a copy counts that is not stored.
_STATES_OF_COPIES: Final = {"copying": "allocated", "retired": "unreferenced"}
_places: Final = msgspec.json.Decoder(list[tuple[str, str]])
_SEGMENT: Final = pa.schema({"start_ns": pa.int64(), "end_ns": pa.int64()})
_OBJECT: Final = pa.schema(
    {"storage_id": pa.string(), "size": pa.int64(), **dict.fromkeys(_STATES, pa.int64())}
)


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
        return self._stream(_OBJECT, _objects)

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


def _in_trash(transaction: Transaction) -> Counter[str]:
    """The number of segments in the trash of each object. Mostly the trash is empty."""
    timelines = transaction.select("trash", ("timeline",), EVERYTHING, kind=Kind.SCAN)["timeline"].to_pylist()
    counts: Counter[str] = Counter()
    for start in range(0, len(timelines), _TIMELINES):
        where = In("flow", tuple(timelines[start : start + _TIMELINES]))
        with closing(transaction.stream("segments", ("flow", "object_id"), where)) as batches:
            for rows in batches:
                counts.update(rows["object_id"].to_pylist())
    return counts


def _used_elsewhere(rows: pa.RecordBatch, deleted: Counter[str]) -> pa.Array:
    """1 for objects with segments outside the trash, else 0."""
    pairs = zip(rows["id"].to_pylist(), rows["segments"].to_pylist(), strict=True)
    used = [int(object_id not in deleted or segments != deleted[object_id]) for object_id, segments in pairs]
    return pa.array(used, pa.int64())


def _objects(transaction: Transaction) -> Batches:
    deleted = _in_trash(transaction)
    columns = ("storage_id", "size", "state", "copies", *(("id", "segments") if deleted else ()))
    with closing(transaction.stream("objects", columns, EVERYTHING)) as batches:
        for rows in batches:
            # Rows from before the column existed count as registered, as in metadata.
            state = pc.fill_null(rows["state"], "registered")
            states = [pc.equal(state, name).cast(pa.int64()) for name in _STATES]
            if deleted:
                registered = _STATES.index("registered")
                states[registered] = pc.multiply(states[registered], _used_elsewhere(rows, deleted))
            ids = pc.fill_null(rows["storage_id"], "")
            batch = pa.RecordBatch.from_arrays([ids, rows["size"], *states], schema=_OBJECT)
            yield batch
            if rows["copies"].null_count < len(rows):
                yield _stored_copies(rows["copies"].to_pylist(), batch)
    unfinished = In("state", tuple(_STATES_OF_COPIES))
    with closing(transaction.stream("object_copies", ("storage_id", "state"), unfinished)) as batches:
        for rows in batches:
            yield _other_copies(rows)


def _stored_copies(places: Sequence[str | None], objects: pa.RecordBatch) -> pa.RecordBatch:
    """A row for each stored copy of these objects, which counts as an object on its backend."""
    items = zip(places, objects.to_pylist(), strict=True)
    rows = [{**item, "storage_id": storage_id} for text, item in items for storage_id in _backends(text)]
    return pa.RecordBatch.from_pylist(rows, schema=_OBJECT)


def _backends(places: str | None) -> list[str]:
    """The backends in the text of the copies of an object; none if it is damaged."""
    try:
        return [storage_id for storage_id, _ in _places.decode(places)] if places else []
    except msgspec.DecodeError:
        return []


def _other_copies(rows: pa.RecordBatch) -> pa.RecordBatch:
    """A row for each copy that is being written or is retired. Their bytes do not count."""
    state = rows["state"]
    columns = {name: pa.repeat(pa.scalar(0, pa.int64()), len(rows)) for name in _STATES}
    for copied, name in _STATES_OF_COPIES.items():
        columns[name] = pc.equal(state, copied).cast(pa.int64())
    sizes = pa.nulls(len(rows), pa.int64())
    ids = pc.fill_null(rows["storage_id"], "")
    return pa.RecordBatch.from_arrays([ids, sizes, *(columns[name] for name in _STATES)], schema=_OBJECT)
