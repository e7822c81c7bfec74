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


class ObjectAccess(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs that were signed to read an object; `last_time` is RFC 3339 text, `size` is in bytes."""

    object_id: str
    storage_id: str
    urls: int
    size: int | None = None
    last_time: str | None = None


class ObjectAccesses(msgspec.Struct, frozen=True, kw_only=True):
    """Objects by the number of their URLs; not `complete` if more may follow that the caller sees."""

    objects: list[ObjectAccess]
    complete: bool


class Duplicates(msgspec.Struct, frozen=True, kw_only=True):
    """Objects on one storage backend with the same size in bytes and ETag, and their number of places."""

    storage_id: str
    etag: str
    size: int
    places: int
    objects: int
    object_ids: list[str]


class DuplicateReport(msgspec.Struct, frozen=True, kw_only=True):
    """The groups that waste the most, and the numbers of all groups and objects."""

    groups: list[Duplicates]
    group_count: int
    savable_bytes: int
    compared_objects: int
    unknown_objects: int
