"""Writes of one transaction, kept until all of its rules have run.

Rows that were inserted here have negative ids until the server gives them real ones. Every step can be
undone, so that one change of a group can fail alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.metadata.adapters.vast.queries import ROW_ID, Row
from services.shared.vast.filters import Filter
from services.shared.vast.matching import matches


@dataclass(slots=True)
class TableChanges:
    """What a transaction has done to one table so far."""

    inserted: dict[int, Row] = field(default_factory=dict)
    updated: dict[Any, Row] = field(default_factory=dict)
    columns: dict[Any, frozenset[str]] = field(default_factory=dict)  # those that an update changes
    deleted: dict[Any, Row] = field(default_factory=dict)

    def over(self, rows: Sequence[Row], where: Filter) -> list[Row]:
        """The committed rows of a query as this transaction sees them now."""
        own = (*self.updated.values(), *self.inserted.values())
        return [*self.left_of(rows), *(row for row in own if matches(where, row))]

    def left_of(self, rows: Sequence[Row]) -> list[Row]:
        """The committed rows that are neither changed nor removed."""
        if not self.updated and not self.deleted:
            return list(rows)
        return [row for row in rows if row[ROW_ID] not in self.deleted and row[ROW_ID] not in self.updated]

    def own_by(self, column: str) -> Mapping[Any, list[Row]]:
        """The rows that were changed or added, by the value of a column."""
        own: dict[Any, list[Row]] = {}
        for row in (*self.updated.values(), *self.inserted.values()):
            own.setdefault(row[column], []).append(row)
        return own


class Changes:
    """What a transaction has done so far."""

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
        """A point to go back to."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Undo what was done since."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def lock(self, key: str) -> None:
        """Collide with every other transaction that locks the key."""
        if key not in self.locks:
            self.locks.add(key)
            self._undo.append(lambda: self.locks.discard(key))

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows."""
        inserted, numbers = self.of(table).inserted, range(self._next, self._next - len(rows), -1)
        self._next -= len(rows)
        inserted.update((number, {**row, ROW_ID: number}) for number, row in zip(numbers, rows, strict=True))
        self._undo.append(lambda: [inserted.pop(number) for number in numbers])

    def update(self, table: str, row: Row, values: Row) -> None:
        """Change columns of a row that this transaction reads as `row`."""
        changes, number = self.of(table), row[ROW_ID]
        if number in changes.inserted:
            self._set(changes.inserted, number, {**row, **values})
            return
        self._set(changes.updated, number, {**row, **values})
        self._set(changes.columns, number, changes.columns.get(number, frozenset()).union(values))

    def delete(self, table: str, row: Row) -> None:
        """Remove a row."""
        changes, number = self.of(table), row[ROW_ID]
        if number in changes.inserted:
            self._unset(changes.inserted, number)
            return
        self._unset(changes.updated, number)
        self._unset(changes.columns, number)
        self._set(changes.deleted, number, row)

    def _set(self, values: dict[Any, Any], key: Any, value: Any) -> None:
        if key in values:
            before = values[key]
            self._undo.append(lambda: values.__setitem__(key, before))
        else:
            self._undo.append(lambda: values.pop(key))
        values[key] = value

    def _unset(self, values: dict[Any, Any], key: Any) -> None:
        if key in values:
            before = values.pop(key)
            self._undo.append(lambda: values.__setitem__(key, before))
