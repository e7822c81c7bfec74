"""Computes the coverage of flows."""

from services.analytics.application.ports import Timelines
from services.analytics.domain.coverage import Coverage, Span, Stretches, coverage, examined_range
from services.shared.errors import NotFound
from services.shared.ids import is_uuid
from services.shared.timerange import TimeRange


class FlowCoverage:
    """Finds the parts of the timeline of a flow with and without media."""

    def __init__(self, timelines: Timelines) -> None:
        self._timelines = timelines

    async def get(self, flow_id: str, requested: TimeRange, limit: int) -> Coverage:
        """The coverage of a flow within a range, with at most `limit` stretches and `limit` gaps.

        NotFound FLOW_NOT_FOUND if the flow does not exist, and the errors of Timelines.
        """
        extent = await self._timelines.extent(flow_id) if is_uuid(flow_id) else None
        if extent is None:
            raise NotFound("the requested flow does not exist", reason="FLOW_NOT_FOUND")
        within = examined_range(requested, extent)
        # One more stretch than listed, because it ends the gap after the last listed one.
        return coverage(within, await self._stretches(flow_id, within, limit + 1), limit)

    async def _stretches(self, flow_id: str, within: TimeRange, limit: int) -> Stretches:
        if within.start is None or within.end is None or within.empty:
            return Stretches()
        return await self._timelines.stretches(flow_id, Span(within.start, within.end), limit)
