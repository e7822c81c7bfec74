"""Accesses to objects, and objects with the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectAccess:
    """The URLs that were signed to read an object, and when the last was counted, in ms since 1970 or 0.

    The size is in bytes, None until it is measured.
    """

    object_id: str
    storage_id: str
    size: int | None
    urls: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Objects on one backend with the same size in bytes and ETag, at two places or more."""

    storage_id: str
    etag: str
    size: int
    places: int
    objects: int
    object_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """The groups that waste the most, and the numbers of all groups and objects."""

    groups: Sequence[Duplicates]
    group_count: int
    savable_bytes: int
    compared_objects: int
    unknown_objects: int
