"""Bulk loads: what is remembered of them, and the keys of what they inserted."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

# Ids have up to 1024 bytes, a stretch about 60.
_IDS: Final = 100
_STRETCHES: Final = 1000


class Kind(StrEnum):
    """What the rows of a load are."""

    SOURCES = "sources"
    FLOWS = "flows"
    OBJECTS = "objects"
    SEGMENTS = "segments"


class State(StrEnum):
    """Where a load is in its life."""

    OPEN = "open"
    DONE = "done"
    ROLLED_BACK = "rolled back"


class Load(Struct, frozen=True, kw_only=True):
    """A load. `rows` counts what is done with of its input: the place of the next row."""

    id: str
    kind: Kind
    state: State = State.OPEN
    rows: int = 0
    inserted: int = 0
    skipped: int = 0
    changed_ms: int


class Stretch(Struct, frozen=True, array_like=True):
    """Segments of one flow that follow each other without a gap, so that nothing else lies in between."""

    flow_id: str
    timeline: int
    start_ns: int
    end_ns: int


class Keys(Struct, frozen=True, omit_defaults=True):
    """What one batch, or a part of it, inserted."""

    ids: list[str] = []
    stretches: list[Stretch] = []

    def parts(self) -> "list[Keys]":
        """The same in parts that are each smaller than 120 kB, which some engines set as a cell's limit."""
        ids = [Keys(ids=self.ids[at : at + _IDS]) for at in range(0, len(self.ids), _IDS)]
        found = self.stretches
        return ids + [Keys(stretches=found[at : at + _STRETCHES]) for at in range(0, len(found), _STRETCHES)]
