"""The usage of storage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """Counts and bytes of the objects on one storage backend; the id is "" for objects outside this store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int
