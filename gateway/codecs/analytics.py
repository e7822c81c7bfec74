"""Analytics: query parameters to protobuf, protobuf to JSON with TAMS timeranges and nanoseconds."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.analytics.v1 import (
    coverage_service_pb2,
    duplicate_service_pb2,
    object_access_service_pb2,
    usage_service_pb2,
)

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


class ObjectAccess(msgspec.Struct, frozen=True):
    """The URLs that were signed to read an object."""

    object_id: str
    storage_id: str
    urls: int
    size: int | UnsetType = UNSET
    last_time: datetime | UnsetType = UNSET


class ObjectAccesses(msgspec.Struct, frozen=True):
    """Objects by the number of their URLs."""

    objects: list[ObjectAccess]
    complete: bool


class Duplicates(msgspec.Struct, frozen=True):
    """Objects on one storage backend with the same bytes."""

    storage_id: str
    etag: str
    size: int
    places: int
    objects: int
    object_ids: list[str]


class DuplicateReport(msgspec.Struct, frozen=True):
    """Groups of objects with the same bytes, and the numbers of the whole store."""

    groups: list[Duplicates]
    group_count: int
    savable_bytes: int
    compared_objects: int
    unknown_objects: int


_ORDERS: Final = ("most", "least")


def accesses_request(query: Query) -> object_access_service_pb2.ListObjectAccessesRequest:
    """The request of GET object-accesses. InvalidArgument for a bad query."""
    return object_access_service_pb2.ListObjectAccessesRequest(
        least=query.choice("order", _ORDERS) == "least", max_objects=query.limit()
    )


def object_accesses(reply: object_access_service_pb2.ListObjectAccessesResponse) -> bytes:
    """The JSON of the accesses to objects."""
    return msgspec.json.encode(ObjectAccesses(list(map(_access, reply.objects)), reply.complete))


def _access(message: object_access_service_pb2.ObjectAccess) -> ObjectAccess:
    return ObjectAccess(
        object_id=message.object_id,
        storage_id=message.storage_id,
        urls=message.urls,
        size=message.size if message.HasField("size") else UNSET,
        last_time=message.last_time.ToDatetime(UTC) if message.HasField("last_time") else UNSET,
    )


def duplicates(reply: duplicate_service_pb2.ListDuplicatesResponse) -> bytes:
    """The JSON of objects with the same bytes."""
    return msgspec.json.encode(
        DuplicateReport(
            groups=[
                Duplicates(
                    storage_id=group.storage_id,
                    etag=group.etag,
                    size=group.size,
                    places=group.places,
                    objects=group.objects,
                    object_ids=list(group.object_ids),
                )
                for group in reply.groups
            ],
            group_count=reply.group_count,
            savable_bytes=reply.savable_bytes,
            compared_objects=reply.compared_objects,
            unknown_objects=reply.unknown_objects,
        )
    )


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
