"""Computes the coverage of flows."""

from services.analytics.application.ports import Flows, Timelines
from services.analytics.domain.coverage import Coverage, Span, Stretches, coverage, examined_range
from services.shared.access import caller
from services.shared.errors import NotFound
from services.shared.ids import is_uuid
from services.shared.timerange import TimeRange


class FlowCoverage:
    """Finds the parts of the timeline of a flow with and without media."""

    def __init__(self, timelines: Timelines, flows: Flows) -> None:
        self._timelines = timelines
        self._flows = flows

    async def get(self, flow_id: str, requested: TimeRange, limit: int) -> Coverage:
        """The coverage of a flow within a range, with at most `limit` stretches and `limit` gaps.

        NotFound FLOW_NOT_FOUND if the flow does not exist or the caller does not see it, and the errors of
        Timelines and Flows.
        """
        extent = await self._timelines.extent(flow_id) if await self._may_exist(flow_id) else None
        if extent is None:
            raise NotFound("the requested flow does not exist", reason="FLOW_NOT_FOUND")
        within = examined_range(requested, extent)
        # One more stretch than listed, because it ends the gap after the last listed one.
        return coverage(within, await self._stretches(flow_id, within, limit + 1), limit)

    async def _may_exist(self, flow_id: str) -> bool:
        """False for what is no id of a flow, or one of a flow that the caller does not see."""
        if not is_uuid(flow_id):
            return False
        # The tables that analytics reads do not say who sees a flow.
        return caller.principal.get().classes is None or await self._flows.sees(flow_id)

    async def _stretches(self, flow_id: str, within: TimeRange, limit: int) -> Stretches:
        if within.start is None or within.end is None or within.empty:
            return Stretches()
        return await self._timelines.stretches(flow_id, Span(within.start, within.end), limit)
