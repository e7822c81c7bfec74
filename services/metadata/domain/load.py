"""Bulk loads: their state, and the keys of the rows that they inserted."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct

from services.metadata.domain.ids import FlowId

T = TypeVar("T")

# Keys in one part: an id has up to 1024 bytes, a stretch about 60.
_IDS_PER_PART: Final = 100
_STRETCHES_PER_PART: Final = 1000


class Kind(StrEnum):
    """The kind of a load's rows."""

    SOURCES = "sources"
    FLOWS = "flows"
    OBJECTS = "objects"
    SEGMENTS = "segments"


class State(StrEnum):
    """The state of a load."""

    OPEN = "open"
    DONE = "done"
    ROLLED_BACK = "rolled back"


# Records that are stored have the older name.
class Load(Struct, frozen=True, kw_only=True, rename={"partial_batch": "begun"}):
    """A load. `changed_ms` is in milliseconds since 1970.

    `rows` is the number of rows of its input that were handled, so it is the index of the next row.
    """

    id: str
    kind: Kind
    state: State = State.OPEN
    rows: int = 0
    inserted: int = 0
    skipped: int = 0
    changed_ms: int
    # The index of the first row of a batch that was only handled in part; None if there is no such batch.
    partial_batch: int | None = None


class Stretch(Struct, frozen=True, array_like=True):
    """Segments of one flow that follow each other without a gap, so no others lie between them."""

    flow_id: FlowId
    timeline: int
    start_ns: int
    end_ns: int


class Keys(Struct, frozen=True, omit_defaults=True):
    """The keys of the rows that a batch, or a part of it, inserted: stretches of segments, ids of others."""

    ids: Sequence[str] = []
    stretches: Sequence[Stretch] = []

    def parts(self) -> "list[Keys]":
        """The keys in parts below 120 kB each, the limit that some engines set for a cell."""
        by_id = [Keys(ids=part) for part in _split(self.ids, _IDS_PER_PART)]
        return by_id + [Keys(stretches=part) for part in _split(self.stretches, _STRETCHES_PER_PART)]


def _split(values: Sequence[T], size: int) -> list[Sequence[T]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
