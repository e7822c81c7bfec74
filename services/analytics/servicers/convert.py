"""Domain -> messages."""

from tams.analytics.v1 import coverage_service_pb2, usage_service_pb2
from tams.type.v1.timerange_pb2 import TimeRange

from services.analytics.domain.coverage import Coverage, Span
from services.analytics.domain.usage import StorageUsage
from services.shared.rpc.timeranges import to_message


def coverage_response(found: Coverage) -> coverage_service_pb2.GetCoverageResponse:
    """The reply to GetCoverage."""
    return coverage_service_pb2.GetCoverageResponse(
        timerange=to_message(found.timerange),
        covered=map(_span, found.covered),
        gaps=map(_span, found.gaps),
        covered_ns=found.covered_ns,
        gap_ns=found.gap_ns,
        segment_count=found.segment_count,
        covered_count=found.covered_count,
        gap_count=found.gap_count,
    )


def _span(span: Span) -> TimeRange:
    return TimeRange(start_ns=span.start, end_ns=span.end)


def usage_message(usage: StorageUsage) -> usage_service_pb2.StorageUsage:
    """The entry of one backend."""
    return usage_service_pb2.StorageUsage(
        storage_id=usage.storage_id,
        objects=usage.objects,
        measured_objects=usage.measured_objects,
        bytes=usage.bytes,
        allocated_objects=usage.allocated_objects,
        unreferenced_objects=usage.unreferenced_objects,
    )
