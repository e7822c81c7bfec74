"""Analytics: query parameters and JSON <-> protobuf. Ranges are TAMS text, durations nanoseconds."""

import msgspec
from tams.analytics.v1.coverage_service_pb2 import GetCoverageRequest, GetCoverageResponse
from tams.analytics.v1.usage_service_pb2 import GetStorageUsageResponse

from gateway.codecs import filters
from gateway.http.query import Query
from services.shared.rpc.timeranges import from_message


class Coverage(msgspec.Struct, frozen=True):
    """Which parts of a flow hold media."""

    timerange: str
    covered: list[str]
    gaps: list[str]
    covered_ns: int
    gap_ns: int
    segment_count: int
    covered_count: int
    gap_count: int


class BackendUsage(msgspec.Struct, frozen=True):
    """What one storage backend holds; `storage_id` is empty for objects outside this store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int


class StorageUsage(msgspec.Struct, frozen=True):
    """What the whole store holds."""

    backends: list[BackendUsage]


def coverage_request(flow_id: str, query: Query) -> GetCoverageRequest:
    """The flow and range to look at."""
    return GetCoverageRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        max_ranges=query.limit("max_ranges"),
    )


def coverage(reply: GetCoverageResponse) -> bytes:
    """The JSON of a flow's coverage."""
    return msgspec.json.encode(
        Coverage(
            timerange=str(from_message(reply.timerange)),
            covered=[str(from_message(one)) for one in reply.covered],
            gaps=[str(from_message(one)) for one in reply.gaps],
            covered_ns=reply.covered_ns,
            gap_ns=reply.gap_ns,
            segment_count=reply.segment_count,
            covered_count=reply.covered_count,
            gap_count=reply.gap_count,
        )
    )


def storage_usage(reply: GetStorageUsageResponse) -> bytes:
    """The JSON of the store's usage."""
    backends = [msgspec.convert(one, BackendUsage, from_attributes=True) for one in reply.backends]
    return msgspec.json.encode(StorageUsage(backends))
