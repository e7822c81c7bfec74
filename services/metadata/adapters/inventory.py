"""An object as an inventory lists it."""

from typing import NamedTuple


class ListedObject(NamedTuple):
    """The id and the place of an object or a copy of it, and the size in bytes, if it is known.

    `is_registered` is True if a segment uses the object, and the copy is stored, so that the bytes must be
    there.
    """

    object_id: str
    storage_id: str
    storage_path: str
    is_registered: bool
    size: int | None
