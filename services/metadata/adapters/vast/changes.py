"""The writes of a transaction, kept in memory until all of its rules have run.

Inserted rows have negative ids until the server assigns real ones. Every step can be undone, so that a single
change of a group can fail.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from services.metadata.adapters.vast.queries import ROW_ID, Row, Values
from services.vast_client.filters.filters import Filter
from services.vast_client.filters.matching import matches

V = TypeVar("V")


class Rows(dict[int, Row]):
    """Rows by id, with an index of each column that was looked up.

    Rules look up rows as often as they write them, so a lookup must not read all rows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._indexes: dict[str, dict[object, dict[int, Row]]] = {}

    def with_value(self, column: str, value: object) -> Iterable[Row]:
        """The rows with a value in a column."""
        if column not in self._indexes:
            index = self._indexes[column] = {}
            for number, row in self.items():
                index.setdefault(row[column], {})[number] = row
        return self._indexes[column].get(value, {}).values()

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Add rows whose ids are new."""
        if self._indexes:
            rows = list(rows)
            for column, index in self._indexes.items():
                for number, row in rows:
                    index.setdefault(row[column], {})[number] = row
        self.update(rows)

    def __setitem__(self, number: int, row: Row) -> None:
        if number in self:
            self._remove_from_indexes(number)
        super().__setitem__(number, row)
        for column, index in self._indexes.items():
            index.setdefault(row[column], {})[number] = row

    def __delitem__(self, number: int) -> None:
        self._remove_from_indexes(number)
        super().__delitem__(number)

    def _remove_from_indexes(self, number: int) -> None:
        for column, index in self._indexes.items():
            del index[self[number][column]][number]


@dataclass(slots=True)
class TableChanges:
    """The writes of a transaction to one table so far."""

    inserted: Rows = field(default_factory=Rows)
    updated: Rows = field(default_factory=Rows)
    columns: dict[int, frozenset[str]] = field(default_factory=dict)  # the columns that updates change
    deleted: dict[int, Row] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.inserted or self.updated or self.deleted)

    def over(self, rows: Sequence[Row], where: Filter) -> list[Row]:
        """The result of a query in this transaction, whose committed rows are given."""
        own = (*self.updated.values(), *self.inserted.values())
        return [*self.left_of(rows), *(row for row in own if matches(where, row))]

    def left_of(self, rows: Sequence[Row]) -> list[Row]:
        """The committed rows that this transaction has neither changed nor deleted."""
        if not self.updated and not self.deleted:
            return list(rows)
        return [row for row in rows if row[ROW_ID] not in self.deleted and row[ROW_ID] not in self.updated]

    def own(self, column: str, value: object) -> list[Row]:
        """The updated and inserted rows with a value in a column."""
        return [*self.updated.with_value(column, value), *self.inserted.with_value(column, value)]


class Changes:
    """The writes of a transaction so far."""

    def __init__(self) -> None:
        self.tables: dict[str, TableChanges] = {}
        self.locks: set[str] = set()
        self._undo: list[Callable[[], object]] = []
        self._next = -1

    def __bool__(self) -> bool:
        return bool(self._undo)

    def of(self, table: str) -> TableChanges:
        """The changes of one table."""
        if table not in self.tables:
            self.tables[table] = TableChanges()
        return self.tables[table]

    def mark(self) -> int:
        """The present state, for `back_to`."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Undo the writes since a mark."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def lock(self, keys: Iterable[str]) -> None:
        """Conflict with every other transaction that locks one of the keys."""
        if new_keys := set(keys) - self.locks:
            self.locks |= new_keys
            self._undo.append(lambda: self.locks.difference_update(new_keys))

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """Insert rows. Each gets its id."""
        inserted, numbers = self.of(table).inserted, range(self._next, self._next - len(rows), -1)
        self._next -= len(rows)
        for number, row in zip(numbers, rows, strict=True):
            row[ROW_ID] = number
        inserted.add(zip(numbers, rows, strict=True))
        self._undo.append(lambda: _drop(inserted, numbers))

    def update(self, table: str, row: Row, values: Row) -> None:
        """Change columns of a row. `row` is the row as this transaction sees it."""
        changes, number = self.of(table), row[ROW_ID]
        if number in changes.inserted:
            self._set(changes.inserted, number, {**row, **values})
            return
        self._set(changes.updated, number, {**row, **values})
        self._set(changes.columns, number, changes.columns.get(number, frozenset()).union(values))

    def delete(self, table: str, row: Row) -> None:
        """Delete a row."""
        changes, number = self.of(table), row[ROW_ID]
        if number in changes.inserted:
            self._unset(changes.inserted, number)
            return
        self._unset(changes.updated, number)
        self._unset(changes.columns, number)
        self._set(changes.deleted, number, row)

    def _set(self, values: dict[int, V], key: int, value: V) -> None:
        if key in values:
            before = values[key]
            self._undo.append(lambda: values.__setitem__(key, before))
        else:
            self._undo.append(lambda: _drop(values, (key,)))
        values[key] = value

    def _unset(self, values: dict[int, V], key: int) -> None:
        if key in values:
            before = values[key]
            del values[key]
            self._undo.append(lambda: values.__setitem__(key, before))


def _drop(values: dict[int, V], keys: Iterable[int]) -> None:
    for key in keys:
        del values[key]
