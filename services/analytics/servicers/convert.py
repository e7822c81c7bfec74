"""Converts domain values to messages."""

from typing import Final

from tams.analytics.v1 import (
    coverage_service_pb2,
    duplicate_service_pb2,
    object_access_service_pb2,
    usage_service_pb2,
)
from tams.type.v1 import timerange_pb2

from services.analytics.domain.coverage import Coverage, Span
from services.analytics.domain.objects import DuplicateReport, Duplicates, ObjectAccess
from services.analytics.domain.usage import StorageUsage
from services.shared.rpc.timeranges import to_message

# The maximum of the field; a sum over all objects may exceed it.
MAX_BYTES: Final = 2**63 - 1


def coverage_response(coverage: Coverage) -> coverage_service_pb2.GetCoverageResponse:
    """The reply to GetCoverage."""
    return coverage_service_pb2.GetCoverageResponse(
        timerange=to_message(coverage.timerange),
        covered=map(_span, coverage.covered),
        gaps=map(_span, coverage.gaps),
        covered_ns=coverage.covered_ns,
        gap_ns=coverage.gap_ns,
        segment_count=coverage.segment_count,
        covered_count=coverage.covered_count,
        gap_count=coverage.gap_count,
    )


def _span(span: Span) -> timerange_pb2.TimeRange:
    return timerange_pb2.TimeRange(start_ns=span.start, end_ns=span.end)


def usage_message(usage: StorageUsage) -> usage_service_pb2.StorageUsage:
    """The usage of one backend as a message."""
    return usage_service_pb2.StorageUsage(
        storage_id=usage.storage_id,
        objects=usage.objects,
        measured_objects=usage.measured_objects,
        bytes=min(usage.bytes, MAX_BYTES),
        allocated_objects=usage.allocated_objects,
        unreferenced_objects=usage.unreferenced_objects,
    )


def access_message(access: ObjectAccess) -> object_access_service_pb2.ObjectAccess:
    """The accesses to one object as a message."""
    message = object_access_service_pb2.ObjectAccess(
        object_id=access.object_id, storage_id=access.storage_id, size=access.size, urls=access.urls
    )
    if access.last_ms:
        message.last_time.FromMilliseconds(access.last_ms)
    return message


def duplicates_response(report: DuplicateReport) -> duplicate_service_pb2.ListDuplicatesResponse:
    """The reply to ListDuplicates."""
    return duplicate_service_pb2.ListDuplicatesResponse(
        groups=map(_duplicates, report.groups),
        group_count=report.group_count,
        savable_bytes=min(report.savable_bytes, MAX_BYTES),
        compared_objects=report.compared_objects,
        unknown_objects=report.unknown_objects,
    )


def _duplicates(group: Duplicates) -> duplicate_service_pb2.Duplicates:
    return duplicate_service_pb2.Duplicates(
        storage_id=group.storage_id,
        etag=group.etag,
        size=group.size,
        places=group.places,
        objects=group.objects,
        object_ids=group.object_ids,
    )
