"""Implements the port Timelines: reads segments from the table store and joins them in DuckDB."""

from functools import partial
from typing import Final

import duckdb

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.tables import Tables
from services.analytics.domain.coverage import Span, Stretches
from services.shared.timerange import NEVER, TimeRange

_EXTENT: Final = "SELECT start_ns, end_ns, end_inclusive FROM input"

# The input is in the order of time, and window functions without ORDER BY read rows as they come. So DuckDB
# streams the segments, and memory grows only with the number of stretches. A segment that does not start at
# the end of the previous one starts a new stretch.
_STRETCHES: Final = """
CREATE TEMP TABLE stretches AS
SELECT min(start_ns) AS start_ns, max(end_ns) AS end_ns, count(*) AS segments
FROM (
    SELECT start_ns, end_ns, sum(starts) OVER (ROWS UNBOUNDED PRECEDING) AS stretch
    FROM (
        SELECT start_ns, end_ns, (start_ns IS DISTINCT FROM lag(end_ns) OVER ())::BIGINT AS starts
        FROM input
    )
)
GROUP BY stretch"""

# HUGEINT: the difference of two int64 may need 65 bits.
_TOTALS: Final = """
SELECT count(*), coalesce(sum(end_ns::HUGEINT - start_ns), 0), coalesce(sum(segments), 0),
    coalesce(min(start_ns) = $start, false), coalesce(max(end_ns) = $end, false)
FROM stretches"""

_FIRST: Final = "SELECT start_ns, end_ns FROM stretches ORDER BY start_ns LIMIT $limit"


class DuckDbTimelines:
    """Computes extents and stretches of flows from `tables` with `engine`."""

    def __init__(self, tables: Tables, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    async def extent(self, flow_id: str) -> TimeRange | None:
        """The range from the first to the last segment of the flow; None if the flow does not exist."""
        return await self._engine.run(partial(self._tables.extent, flow_id), _extent)

    async def stretches(self, flow_id: str, within: Span, limit: int) -> Stretches:
        """The stretches with media of the flow within a span; lists at most the first `limit`."""
        source = partial(self._tables.segments, flow_id, within)
        return await self._engine.run(source, partial(_stretches, within, limit))


def _extent(connection: duckdb.DuckDBPyConnection) -> TimeRange | None:
    for start, end, inclusive in connection.execute(_EXTENT).fetchall():
        return NEVER if start is None else TimeRange(start, end, bool(inclusive))
    return None


def _stretches(within: Span, limit: int, connection: duckdb.DuckDBPyConnection) -> Stretches:
    connection.execute(_STRETCHES)
    bounds = {"start": within.start, "end": within.end}
    totals = connection.execute(_TOTALS, bounds).fetchall()
    ((count, covered_ns, segments, at_start, at_end),) = totals
    first = connection.execute(_FIRST, {"limit": limit}).fetchall()
    return Stretches([Span(*row) for row in first], count, int(covered_ns), int(segments), at_start, at_end)
