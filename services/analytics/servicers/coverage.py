"""The gRPC service CoverageService."""

from functools import partial
from typing import Final

from tams.analytics.v1 import coverage_service_pb2, coverage_service_pb2_grpc

from services.analytics.application.coverage import FlowCoverage
from services.analytics.servicers import convert
from services.shared.paging import page_size
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.timeranges import from_message

DEFAULT_RANGES: Final = 1000
MAX_RANGES: Final = 10_000


class CoverageServicer(coverage_service_pb2_grpc.CoverageServiceServicer):
    """Returns the coverage of flows."""

    def __init__(self, coverage: FlowCoverage) -> None:
        self._coverage = coverage

    async def GetCoverage(
        self, request: coverage_service_pb2.GetCoverageRequest, context: Context
    ) -> coverage_service_pb2.GetCoverageResponse:
        """The coverage of a flow within a range."""
        limit = page_size(request.max_ranges, default=DEFAULT_RANGES, maximum=MAX_RANGES)
        requested = from_message(request.timerange)
        return convert.coverage_response(await self._coverage.get(request.flow_id, requested, limit))


def registration(coverage: FlowCoverage) -> Registration:
    """The service to add to a server."""
    add = coverage_service_pb2_grpc.add_CoverageServiceServicer_to_server
    return (
        coverage_service_pb2.DESCRIPTOR.services_by_name["CoverageService"],
        partial(add, CoverageServicer(coverage)),
    )
