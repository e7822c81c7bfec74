"""The tables as one transaction sees them: what is committed, under what it has done itself."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import Answers, Lookup, Row, Select
from services.metadata.adapters.vast.schema import COLUMNS, MAX_CELL, TABLES
from services.shared.errors import InvalidArgument
from services.shared.vast.filters import Filter, Scalar
from services.shared.vast.plans import Kind

_LARGE: Final = {
    name: tuple(field.name for field in spec.columns if pa.types.is_binary(field.type))
    for name, spec in TABLES.items()
}


class View:
    """Reads and writes of rows. Rows are values: they are changed by `update` alone."""

    def __init__(self, answers: Answers, changes: Changes) -> None:
        # Flows by timeline, of those that were read: such a pair never changes.
        self.flow_ids: dict[int, str] = {}
        self._answers = answers
        self._changes = changes

    def one(self, table: str, column: str, value: Scalar) -> Row | None:
        """The row whose column holds a value that only one row should hold; the first of several."""
        rows = self.lookup(table, column, value)
        return rows[0] if rows else None

    def lookup(
        self, table: str, column: str, value: Scalar, columns: tuple[str, ...] | None = None
    ) -> list[Row]:
        """The rows whose column holds a value."""
        return self.lookups(table, column, (value,), columns)[value]

    def lookups(
        self, table: str, column: str, values: Iterable[Scalar], columns: tuple[str, ...] | None = None
    ) -> dict[Any, list[Row]]:
        """For each value the rows whose column holds it."""
        wanted = COLUMNS[table] if columns is None else columns
        queries = [Lookup(table, column, value, wanted) for value in dict.fromkeys(values)]
        found = zip(queries, self._answers.rows(queries), strict=True)
        changes = self._changes.tables.get(table)
        if changes is None:
            return {query.value: list(rows) for query, rows in found}
        own = changes.own_by(column)
        return {query.value: [*changes.left_of(rows), *own.get(query.value, ())] for query, rows in found}

    def select(
        self, table: str, where: Filter, columns: tuple[str, ...] | None = None, kind: Kind = Kind.PAGE
    ) -> list[Row]:
        """The rows that pass a filter, in no order."""
        query = Select(table, where, columns or COLUMNS[table], None, kind)
        (committed,) = self._answers.rows([query])
        return self._over(query, committed)

    def select_up_to(
        self, table: str, where: Filter, columns: tuple[str, ...], cap: int | None
    ) -> list[Row] | None:
        """The same; None when at least `cap` committed rows pass, of which some may not have been read."""
        query = Select(table, where, columns, cap)
        (committed,) = self._answers.rows([query])
        if cap is not None and len(committed) >= cap:
            return None
        return self._over(query, committed)

    def some(self, table: str, where: Filter, cap: int, columns: tuple[str, ...] | None = None) -> list[Row]:
        """Of the rows that pass a filter about `cap`, any: as many more as this transaction removes."""
        changes = self._changes.tables.get(table)
        gone = len(changes.deleted) + len(changes.updated) if changes else 0
        query = Select(table, where, columns or COLUMNS[table], cap + gone)
        (committed,) = self._answers.rows([query])
        return self._over(query, committed)

    def insert(self, table: str, **values: Any) -> None:
        """Add a row; columns that are not given are NULL."""
        self.insert_all(table, [values])

    def insert_all(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows; columns that are not given are NULL."""
        empty: dict[str, Any] = dict.fromkeys(COLUMNS[table])
        whole = [empty | row for row in rows]
        for row in whole:
            _check_cells(table, row)
        self._changes.insert(table, whole)

    def update(self, table: str, row: Row, **values: Any) -> None:
        """Change columns of a row. Writing what is there already makes other writers of the row collide."""
        _check_cells(table, values)
        self._changes.update(table, row, values)

    def delete(self, table: str, rows: Iterable[Row]) -> None:
        """Remove rows."""
        for row in rows:
            self._changes.delete(table, row)

    def lock(self, *key: str) -> None:
        """Collide with every other transaction that locks the key."""
        self._changes.lock("\0".join(key))

    def unchanged(self, table: str, column: str, values: Iterable[Scalar]) -> list[Scalar]:
        """Those of the values that no row has which this transaction writes: others may write theirs."""
        changes = self._changes.tables.get(table)
        own = changes.own_by(column) if changes else {}
        return [value for value in values if value not in own]

    def _over(self, query: Select, committed: Sequence[Row]) -> list[Row]:
        changes = self._changes.tables.get(query.table)
        return list(committed) if changes is None else changes.over(committed, query.where)


def _check_cells(table: str, values: Row) -> None:
    # What else a row holds is short, or part of its document.
    for name in _LARGE[table]:
        value = values.get(name)
        if value is not None and len(value) > MAX_CELL:
            raise InvalidArgument(
                f"{name} has more than {MAX_CELL} bytes, the most that a cell of this table store holds",
                reason="DOCUMENT_TOO_LARGE",
            )
