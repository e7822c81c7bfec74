"""Analytics: query parameters to protobuf, protobuf to JSON with TAMS timeranges and nanoseconds."""

import msgspec
from tams.analytics.v1 import coverage_service_pb2, usage_service_pb2

from gateway.codecs import filters
from gateway.http.query import Query
from services.shared.rpc.timeranges import from_message


class Coverage(msgspec.Struct, frozen=True):
    """The parts of a flow with and without media, as timeranges, nanoseconds and counts."""

    timerange: str
    covered: list[str]
    gaps: list[str]
    covered_ns: int
    gap_ns: int
    segment_count: int
    covered_count: int
    gap_count: int


class BackendUsage(msgspec.Struct, frozen=True):
    """Counts of the objects on one storage backend; `storage_id` is empty for objects outside this store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int


class StorageUsage(msgspec.Struct, frozen=True):
    """The usage of each storage backend."""

    backends: list[BackendUsage]


def coverage_request(flow_id: str, query: Query) -> coverage_service_pb2.GetCoverageRequest:
    """The request of GET coverage. InvalidArgument for a bad query."""
    return coverage_service_pb2.GetCoverageRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        max_ranges=query.limit("max_ranges"),
    )


def coverage(reply: coverage_service_pb2.GetCoverageResponse) -> bytes:
    """The JSON of a flow's coverage."""
    return msgspec.json.encode(
        Coverage(
            timerange=str(from_message(reply.timerange)),
            covered=[str(from_message(timerange)) for timerange in reply.covered],
            gaps=[str(from_message(timerange)) for timerange in reply.gaps],
            covered_ns=reply.covered_ns,
            gap_ns=reply.gap_ns,
            segment_count=reply.segment_count,
            covered_count=reply.covered_count,
            gap_count=reply.gap_count,
        )
    )


def storage_usage(reply: usage_service_pb2.GetStorageUsageResponse) -> bytes:
    """The JSON of the store's usage."""
    backends = [msgspec.convert(usage, BackendUsage, from_attributes=True) for usage in reply.backends]
    return msgspec.json.encode(StorageUsage(backends))
