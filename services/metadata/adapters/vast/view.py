"""The tables as one transaction sees them: what is committed, under what it has done itself."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import Answers, Lookup, Row, Select
from services.metadata.adapters.vast.schema import COLUMNS, MAX_CELL
from services.shared.errors import InvalidArgument
from services.shared.vast.filters import Filter, Scalar
from services.shared.vast.plans import Kind


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
        _check_cells(values)
        self._changes.insert(table, dict.fromkeys(COLUMNS[table]) | values)

    def update(self, table: str, row: Row, **values: Any) -> None:
        """Change columns of a row. Writing what is there already makes other writers of the row collide."""
        _check_cells(values)
        self._changes.update(table, row, values)

    def delete(self, table: str, rows: Iterable[Row]) -> None:
        """Remove rows."""
        for row in rows:
            self._changes.delete(table, row)

    def lock(self, *key: str) -> None:
        """Collide with every other transaction that locks the key."""
        self._changes.lock("\0".join(key))

    def is_changed(self, table: str, row: Row) -> bool:
        """Whether this transaction writes the row, so that other writers of it collide."""
        changes, number = self._changes.of(table), row["$row_id"]
        return number in changes.inserted or number in changes.updated or number in changes.deleted

    def _over(self, query: Select, committed: Sequence[Row]) -> list[Row]:
        changes = self._changes.tables.get(query.table)
        return list(committed) if changes is None else changes.over(committed, query.where)


def _check_cells(values: Row) -> None:
    for name, value in values.items():
        if isinstance(value, bytes | str) and _bytes(value) > MAX_CELL:
            raise InvalidArgument(
                f"{name} has more than {MAX_CELL} bytes, the most that a cell of this table store holds",
                reason="DOCUMENT_TOO_LARGE",
            )


def _bytes(value: bytes | str) -> int:
    # Four bytes a character at most: only long texts have to be looked at.
    return len(value) if isinstance(value, bytes) or len(value) * 4 <= MAX_CELL else len(value.encode())
