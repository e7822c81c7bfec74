"""CoverageService over gRPC."""

from typing import Final

from tams.analytics.v1 import coverage_service_pb2 as pb
from tams.analytics.v1.coverage_service_pb2_grpc import CoverageServiceServicer

from services.analytics.application.coverage import FlowCoverage
from services.analytics.servicers import convert
from services.shared.paging import page_size
from services.shared.rpc.interceptors import Context
from services.shared.rpc.timeranges import from_message

DEFAULT_RANGES: Final = 1000
MAX_RANGES: Final = 10_000


class CoverageServicer(CoverageServiceServicer):
    """Translates; FlowCoverage answers."""

    def __init__(self, coverage: FlowCoverage) -> None:
        self._coverage = coverage

    async def GetCoverage(self, request: pb.GetCoverageRequest, context: Context) -> pb.GetCoverageResponse:
        """The coverage of a flow within a range."""
        limit = page_size(request.max_ranges, default=DEFAULT_RANGES, maximum=MAX_RANGES)
        asked = from_message(request.timerange)
        return convert.coverage_response(await self._coverage.get(request.flow_id, asked, limit))
