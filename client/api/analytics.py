"""The answers of the analytics routes under `/x/analytics`."""

import msgspec
from mediatimestamp import TimeRange


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The covered parts and the gaps of a flow in a range; durations in nanoseconds."""

    timerange: TimeRange
    covered: list[TimeRange]
    gaps: list[TimeRange]
    covered_ns: int
    gap_ns: int
    segment_count: int
    covered_count: int
    gap_count: int


class BackendUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of one storage backend; an empty `storage_id` stands for objects outside the store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int


class StorageUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of all storage backends."""

    backends: list[BackendUsage]
