"""What the analytics routes under `/x/analytics` answer."""

import msgspec
from mediatimestamp import TimeRange


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow has media in a range, and where it has none; durations in nanoseconds."""

    timerange: TimeRange
    covered: list[TimeRange]
    gaps: list[TimeRange]
    covered_ns: int
    gap_ns: int
    segment_count: int
    covered_count: int
    gap_count: int


class BackendUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one storage backend holds; an empty `storage_id` stands for objects outside the store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int


class StorageUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What all storage backends hold."""

    backends: list[BackendUsage]
