"""Questions about the coverage of flows."""

from services.analytics.application.ports import Timelines
from services.analytics.domain.coverage import Coverage, Span, Stretches, coverage, window
from services.shared.errors import NotFound
from services.shared.ids import is_uuid
from services.shared.timerange import TimeRange


class FlowCoverage:
    """Answers which parts of a flow's timeline hold media."""

    def __init__(self, timelines: Timelines) -> None:
        self._timelines = timelines

    async def get(self, flow_id: str, asked: TimeRange, limit: int) -> Coverage:
        """The coverage of a flow within a range, at most `limit` stretches and gaps; NotFound without it."""
        extent = await self._timelines.extent(flow_id) if is_uuid(flow_id) else None
        if extent is None:
            raise NotFound("the requested flow does not exist", reason="FLOW_NOT_FOUND")
        within = window(asked, extent)
        # One more stretch than listed, so that the gap after the last listed one is known.
        return coverage(within, await self._stretches(flow_id, within, limit + 1), limit)

    async def _stretches(self, flow_id: str, within: TimeRange, limit: int) -> Stretches:
        if within.start is None or within.end is None or within.empty:
            return Stretches()
        return await self._timelines.stretches(flow_id, Span(within.start, within.end), limit)
