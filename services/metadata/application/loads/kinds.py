"""The interface of a kind of rows: reading, inserting and removing them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar, cast

from services.metadata.application.clock import Moment
from services.metadata.application.ports import Tables
from services.metadata.application.segments.registration import Failure
from services.metadata.domain.load import Keys
from services.shared.errors import TamsError

R = TypeVar("R")
Id = TypeVar("Id", bound=str)

# Rows that one transaction of a rollback removes.
SLICE: Final = 2000

# A part of an insertion, which an engine may run for trial to learn what it reads.
Step = Callable[[Tables], object]
# A row with its index in the batch.
IndexedRow = tuple[int, R]


class Inserted(NamedTuple):
    """The number of rows that were inserted, their keys, and the failures of the other rows."""

    rows: int
    keys: Keys
    failures: list[Failure]


class Undone(NamedTuple):
    """The result of a slice of a rollback.

    `remaining` has the keys of the rows that are left to remove, `removed` is the number of rows that were
    removed, `kept` the number of rows that stay because they are in use.
    """

    remaining: Keys
    removed: int
    kept: int


class RowKind(NamedTuple, Generic[R]):
    """The functions for a kind of rows.

    `read` returns the row in a JSON document, or raises InvalidArgument. `insert` inserts rows and returns
    failures instead of raising. `undo` removes rows that were inserted, the last first.
    """

    read: Callable[[bytes], R]
    insert: Callable[[Tables, Sequence[IndexedRow[R]], Moment], Inserted]
    undo: Callable[[Tables, Keys, Moment], Undone]
    # The parts of an insertion, for engines that read ahead.
    steps: Callable[[Sequence[IndexedRow[R]], Moment], list[Step]] = lambda _rows, _now: []
    # A faster way to read all rows of a JSON list; returns None if there is no faster way, or a row is bad.
    read_all: Callable[[bytes], list[R] | None] = lambda _: None


def insert_each(
    insert: Callable[[Tables, R, Moment], str],
) -> Callable[[Tables, Sequence[IndexedRow[R]], Moment], Inserted]:
    """A function that inserts rows one by one, so that each can refer to earlier ones.

    `insert` returns the id of a row, or raises TamsError, which becomes the failure of the row.
    """

    def insert_rows(tables: Tables, rows: Sequence[IndexedRow[R]], now: Moment) -> Inserted:
        ids, failures = [], []
        for index, row in rows:
            try:
                # A row that fails half-way must not leave writes behind: the others are committed.
                ids.append(tables.savepoint(partial(insert, tables, row, now)))
            except TamsError as error:
                failures.append(Failure(index, error))
        return Inserted(len(ids), Keys(ids=ids), failures)

    return insert_rows


def undo_each(
    undo: Callable[[Tables, Id, Moment], bool | None], limit: int = SLICE
) -> Callable[[Tables, Keys, Moment], Undone]:
    """A function that removes rows by id, the last first, `limit` at a time.

    `undo` returns True if the row is removed, False if it is in use, None if it needs another transaction.
    """

    def undo_rows(tables: Tables, keys: Keys, now: Moment) -> Undone:
        # The ids that `insert` returned.
        ids, removed, kept = cast("list[Id]", list(keys.ids)), 0, 0
        while ids and removed + kept < limit:
            is_removed = undo(tables, ids[-1], now)
            if is_removed is None:
                break
            ids.pop()
            removed, kept = removed + is_removed, kept + (not is_removed)
        return Undone(Keys(ids=ids), removed, kept)

    return undo_rows
