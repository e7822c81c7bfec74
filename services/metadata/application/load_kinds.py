"""What a kind of rows of bulk loads must be able to do."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from services.metadata.application.clock import Moment
from services.metadata.application.ports import Tables
from services.metadata.application.registering import Failed
from services.metadata.domain.load import Keys

R = TypeVar("R")

# Rows that one step of a rollback removes.
SLICE: Final = 2000


Step = Callable[[Tables], object]


class Inserted(NamedTuple):
    """What a batch inserted, and which of its rows failed."""

    rows: int
    keys: Keys
    failed: list[Failed]


class Undone(NamedTuple):
    """What is left to remove, how many rows went and how many stay because something needs them."""

    left: Keys
    removed: int
    kept: int


class RowKind(NamedTuple, Generic[R]):
    """How rows of a kind are read, inserted and removed again."""

    read: Callable[[bytes], R]
    insert: Callable[[Tables, Sequence[tuple[int, R]], Moment], Inserted]
    undo: Callable[[Tables, Keys, Moment], Undone]
    # What inserting rows consists of, for engines that try the steps to read ahead.
    steps: Callable[[Sequence[tuple[int, R]], Moment], list[Step]] = lambda _rows, _now: []
    # A quick way to read all rows of a list; None when there is none or a row is bad.
    read_all: Callable[[bytes], list[R] | None] = lambda _: None
