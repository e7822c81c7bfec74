"""How much is stored where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """What one storage backend holds; an empty id stands for objects outside this store."""

    storage_id: str
    objects: int
    measured_objects: int
    bytes: int
    allocated_objects: int
    unreferenced_objects: int
