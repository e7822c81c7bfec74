"""What queries of the segment index have in common."""

from collections.abc import Sequence
from typing import Any, Final

from services.metadata.application.ports import SegmentQuery
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange

FLOW_ROW: Final = "(SELECT row FROM flows WHERE id = :flow)"
# Where to start: the segment that reaches into the range, if there is one.
_FIRST: Final = f"""coalesce((
    SELECT max(start_ns) FROM segments WHERE flow = {FLOW_ROW} AND start_ns <= :low), :low)"""


def of_page(query: SegmentQuery) -> str:
    """The end of a statement: the first `:limit` segments of a query in its order."""
    # One lower bound only: SQLite seeks to one of two and walks through the rows up to the other.
    going_on = query.after is not None and not query.reverse
    lowest = "start_ns > :after" if going_on else f"start_ns >= {_FIRST}"
    by_object = "" if query.object_id is None else "AND object_id = :object"
    return (
        f"FROM segments WHERE flow = {FLOW_ROW} AND {lowest} AND start_ns < :high AND end_ns > :low"
        f" {by_object} ORDER BY start_ns {'DESC' if query.reverse else 'ASC'} LIMIT :limit"
    )


def page_parameters(query: SegmentQuery, limit: int) -> dict[str, Any]:
    """The parameters of `of_page`."""
    parameters = {
        **bounds(query.flow_id, query.timerange),
        "after": query.after,
        "object": query.object_id,
        "limit": limit,
    }
    if query.reverse and query.after is not None:
        parameters["high"] = min(parameters["high"], query.after)
    return parameters


def bounds(flow_id: str, timerange: TimeRange) -> dict[str, Any]:
    """A flow and a range as parameters."""
    low, high = ends_of(timerange)
    return {"flow": flow_id, "low": low, "high": high}


def span_of(ranges: Sequence[TimeRange]) -> TimeRange:
    """Smallest range that holds them all."""
    found = [ends_of(timerange) for timerange in ranges]
    return TimeRange(min(low for low, _ in found), max(high for _, high in found))


def ends_of(timerange: TimeRange) -> tuple[int, int]:
    """First instant and exclusive end, those of all time for none."""
    low = MIN_NS if timerange.start is None else timerange.start
    return low, MAX_NS if timerange.end is None else timerange.end
