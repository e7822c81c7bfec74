"""The tables as a transaction sees them: the committed rows, with its own changes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import pyarrow as pa

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID, Answers, Current, Lookup, Row, Select, Values
from services.metadata.adapters.vast.reading.windows import Found
from services.metadata.adapters.vast.schema import COLUMNS, MAX_CELL, TABLES
from services.shared.errors import InvalidArgument
from services.vast_client.filters.filters import Filter, Scalar
from services.vast_client.plans import Kind

T = TypeVar("T")
S = TypeVar("S", bound=Scalar)

_LARGE: Final = {
    name: tuple(field.name for field in spec.columns if pa.types.is_binary(field.type))
    for name, spec in TABLES.items()
}
# The view remembers the timelines of this many flows.
_MAX_FLOWS: Final = 10_000


class View:
    """Reads and writes of rows. A row is an immutable value; only `update` changes it in the table."""

    def __init__(self, answers: Answers, changes: Changes) -> None:
        # The flow of each timeline that was read. A timeline never moves to another flow.
        self._flow_ids: dict[int, str] = {}
        self._answers = answers
        self._changes = changes

    def remember_flow(self, timeline: int, flow_id: str) -> None:
        """Remember the flow of a timeline."""
        if len(self._flow_ids) >= _MAX_FLOWS:
            self._flow_ids.clear()  # a view may live as long as the process
        self._flow_ids[timeline] = flow_id

    def flow_of(self, timeline: int) -> str | None:
        """The flow of a timeline, if this view remembers it."""
        return self._flow_ids.get(timeline)

    def row(self, table: str, column: str, value: Scalar) -> Row | None:
        """The row with a value that should be unique in a column; the first one if there are several."""
        rows = self.lookup(table, column, value)
        return rows[0] if rows else None

    def lookup(
        self, table: str, column: str, value: Scalar, columns: tuple[str, ...] | None = None
    ) -> list[Row]:
        """The rows with a value in a column."""
        query = Lookup(table, column, value, COLUMNS[table] if columns is None else columns)
        (rows,) = self._lookups_with_changes([query], self._answers.rows([query]))
        return rows

    def current_row(self, table: str, column: str, value: Scalar) -> Row | None:
        """The same as `row`, read in this transaction instead of from the cache."""
        rows = self.current_rows(table, column, (value,))[value]
        return rows[0] if rows else None

    def lookups(
        self,
        table: str,
        column: str,
        values: Iterable[S],
        columns: tuple[str, ...] | None = None,
        *,
        exist: bool = False,
    ) -> dict[S, list[Row]]:
        """The rows with each value in a column. `exist` is True if all values are known to have rows."""
        read_columns = COLUMNS[table] if columns is None else columns
        distinct = dict.fromkeys(values)
        queries = [Lookup(table, column, value, read_columns, exist) for value in distinct]
        found = self._lookups_with_changes(queries, self._answers.rows(queries))
        return dict(zip(distinct, found, strict=True))

    def current_rows(self, table: str, column: str, values: Iterable[S]) -> dict[S, list[Row]]:
        """The same as `lookups`, read in this transaction instead of from the cache."""
        distinct = dict.fromkeys(values)
        queries = [Lookup(table, column, value, COLUMNS[table]) for value in distinct]
        committed = self._answers.rows([Current(query) for query in queries])
        found = self._lookups_with_changes(queries, committed)
        return dict(zip(distinct, found, strict=True))

    def select(
        self, table: str, where: Filter, columns: tuple[str, ...] | None = None, kind: Kind = Kind.PAGE
    ) -> list[Row]:
        """The rows that pass a filter, in no order."""
        query = Select(table, where, columns or COLUMNS[table], None, kind)
        (committed,) = self._answers.rows([query])
        return self._with_changes(query, committed)

    def select_up_to(self, table: str, where: Filter, columns: tuple[str, ...], cap: int | None) -> Found:
        """The rows that pass a filter; only some committed ones if at least `cap` committed rows pass."""
        query = Select(table, where, columns, cap)
        (committed,) = self._answers.rows([query])
        if cap is not None and len(committed) >= cap:
            return Found(committed, complete=False)
        return Found(self._with_changes(query, committed), complete=True)

    def some(self, table: str, where: Filter, cap: int, columns: tuple[str, ...] | None = None) -> list[Row]:
        """About `cap` of the rows that pass a filter, in no order.

        More committed rows are read, because those that this transaction has changed may drop out.
        """
        changes = self._changes.tables.get(table)
        changed = len(changes.deleted) + len(changes.updated) if changes else 0
        query = Select(table, where, columns or COLUMNS[table], cap + changed)
        (committed,) = self._answers.rows([query])
        return self._with_changes(query, committed)

    def standing(
        self, table: str, where: Filter, columns: tuple[str, ...] | None = None, cap: int | None = None
    ) -> list[Row]:
        """The rows that pass a filter, or `cap` of them, for background work that looks for them regularly.

        A change reads the present rows. Elsewhere the rows may be some seconds old, so the filter must not
        depend on the current time.
        """
        query = Select(table, where, columns or COLUMNS[table], cap, standing=True)
        (committed,) = self._answers.rows([query])
        return self._with_changes(query, committed)

    def insert(self, table: str, **values: object) -> None:
        """Add a row. Columns without a value are NULL."""
        self.insert_all(table, [values])

    def insert_all(self, table: str, rows: Iterable[Values]) -> None:
        """Add rows. Columns without a value are NULL."""
        nulls: Values = dict.fromkeys(COLUMNS[table])
        complete_rows = [nulls | row for row in rows]
        for name in _LARGE[table]:
            _check_cells(name, (row[name] for row in complete_rows))
        self._changes.insert(table, complete_rows)

    def update(self, table: str, row: Row, **values: object) -> None:
        """Change columns of a row. Even a write of its present values collides with other writers of it."""
        for name in _LARGE[table]:
            _check_cells(name, (values.get(name),))
        self._changes.update(table, row, values)

    def delete(self, table: str, rows: Iterable[Row]) -> None:
        """Remove rows."""
        for row in rows:
            self._changes.delete(table, row)

    def lock(self, *key: str) -> None:
        """Make this transaction collide with all others that lock the key."""
        self._changes.lock(["\0".join(key)])

    def lock_all(self, table: str, keys: Iterable[str]) -> None:
        """The same for many keys of a table, each as `lock(table, key)`."""
        self._changes.lock([f"{table}\0{key}" for key in keys])

    def apart(self, change: Callable[[], T]) -> T:
        """The result of a part of a change. If the part raises, its writes are undone."""
        mark = self._changes.mark()
        try:
            return change()
        except BaseException:
            self._changes.back_to(mark)
            raise

    def unchanged(self, table: str, column: str, values: Iterable[Scalar]) -> list[Scalar]:
        """The values that no row written by this transaction has. Others may write such rows."""
        changes = self._changes.tables.get(table)
        return [value for value in values if changes is None or not changes.own(column, value)]

    def _lookups_with_changes(
        self, queries: Sequence[Lookup], found: Sequence[Sequence[Row]]
    ) -> list[list[Row]]:
        changes = self._changes.tables.get(queries[0].table) if queries else None
        if changes is None:
            return list(map(list, found))
        return [
            [*changes.left_of(rows), *_with_all_columns(changes.own(query.column, query.value), rows, query)]
            for query, rows in zip(queries, found, strict=True)
        ]

    def _with_changes(self, query: Select, committed: Sequence[Row]) -> list[Row]:
        changes = self._changes.tables.get(query.table)
        return list(committed) if changes is None else changes.over(committed, query.where)


def _with_all_columns(changed: Sequence[Row], committed: Sequence[Row], query: Lookup) -> Iterable[Row]:
    """Changed rows with all columns of a query. The rule that changed them may have read fewer."""
    if all(len(row) > len(query.columns) for row in changed):
        return changed
    before = {row[ROW_ID]: row for row in committed}
    return [{**before.get(row[ROW_ID], {}), **row} for row in changed]


def _check_cells(column: str, cells: Iterable[object]) -> None:
    # Columns of other types are short, or part of the document of their row.
    if any(isinstance(cell, bytes) and len(cell) > MAX_CELL for cell in cells):
        raise InvalidArgument(
            f"{column} has more than {MAX_CELL} bytes, the most that a cell of this table store holds",
            reason="DOCUMENT_TOO_LARGE",
        )
