"""Media objects as this service sees them: names for bytes in a bucket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """Where an object's bytes are kept."""

    object_id: str
    storage_id: str
    storage_path: str


@dataclass(frozen=True, slots=True)
class AllocatedObject:
    """A new object, and the PUT that brings its bytes."""

    object_id: str
    put_url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Ages:
    """After how many seconds objects that nobody uses are reclaimed; None for never."""

    unreferenced: int | None
    unregistered: int | None


@dataclass(frozen=True, slots=True)
class ObjectSize:
    """Size in bytes; None when the bytes are not there."""

    object_id: str
    size: int | None
