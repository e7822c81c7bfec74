"""SQL clauses and parameters that the queries of segments share."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, TypedDict

from services.metadata.application.ports import SegmentQuery
from services.metadata.domain.ids import FlowId
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange

FLOW_ROW: Final = "(SELECT row FROM flows WHERE id = :flow)"
# The start of the segment that reaches into the range from before; else the start of the range.
_FIRST: Final = f"""coalesce((
    SELECT max(start_ns) FROM segments WHERE flow = {FLOW_ROW} AND start_ns <= :low), :low)"""


class RangeParameters(TypedDict):
    """The parameters for a flow and a range; `low` and `high` are nanoseconds."""

    flow: FlowId
    low: int
    high: int


Parameters: TypeAlias = Mapping[str, object]


def page_clause(query: SegmentQuery) -> str:
    """The end of a statement, from FROM on, for the first `:limit` segments of the query in its order."""
    # With two lower bounds SQLite would seek to one, then read all rows up to the other.
    continues = query.after is not None and not query.reverse
    lower_bound = "start_ns > :after" if continues else f"start_ns >= {_FIRST}"
    by_object = "" if query.object_id is None else "AND object_id = :object"
    return (
        f"FROM segments WHERE flow = {FLOW_ROW} AND {lower_bound} AND start_ns < :high AND end_ns > :low"
        f" {by_object} ORDER BY start_ns {'DESC' if query.reverse else 'ASC'} LIMIT :limit"
    )


def page_parameters(query: SegmentQuery, limit: int) -> Parameters:
    """The parameters of `page_clause`."""
    parameters = range_parameters(query.flow_id, query.timerange)
    if query.reverse and query.after is not None:
        parameters["high"] = min(parameters["high"], query.after)
    return {**parameters, "after": query.after, "object": query.object_id, "limit": limit}


def range_parameters(flow_id: FlowId, timerange: TimeRange) -> RangeParameters:
    """The parameters for a flow and a range."""
    low, high = bounds(timerange)
    return {"flow": flow_id, "low": low, "high": high}


def span_of(ranges: Sequence[TimeRange]) -> TimeRange:
    """The smallest range that spans the ranges."""
    all_bounds = [bounds(timerange) for timerange in ranges]
    return TimeRange(min(low for low, _ in all_bounds), max(high for _, high in all_bounds))


def bounds(timerange: TimeRange) -> tuple[int, int]:
    """Start and end in nanoseconds; the least and greatest possible ones for an unbounded range."""
    low = MIN_NS if timerange.start is None else timerange.start
    return low, MAX_NS if timerange.end is None else timerange.end
