"""Differences between the objects of the store and the bytes in its buckets."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class StoredKey(NamedTuple):
    """A key in a bucket, the size of its bytes, and when they were written."""

    path: str
    size: int
    modified: datetime


class PlacedObject(NamedTuple):
    """An object or a copy of it, its key in the bucket of its backend, and when its state changed.

    `is_registered` is True if segments use it, and the copy is stored.
    """

    object_id: str
    storage_path: str
    is_registered: bool
    changed: datetime


class Missing(NamedTuple):
    """An object that segments use, of which the bytes or those of a stored copy are not there."""

    storage_id: str
    storage_path: str
    object_id: str


class Orphaned(NamedTuple):
    """Bytes that no object and no copy has."""

    storage_id: str
    stored: StoredKey


class Step(NamedTuple):
    """The differences that a step found, and the numbers of keys and objects that it looked at.

    `recent` of them are too young to be judged. The token is that of the next step; empty at the end.
    """

    differences: Sequence[Missing | Orphaned]
    stored: int
    objects: int
    recent: int
    next_token: str
