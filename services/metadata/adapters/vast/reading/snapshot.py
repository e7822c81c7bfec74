"""The reads of one transaction: each query is sent only once, and lookups are sent together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from services.metadata.adapters.vast.queries import ROW_ID, Current, Lookup, Missing, Query, Row, Select
from services.metadata.adapters.vast.reading.cache import KEPT, RowCache
from services.metadata.adapters.vast.reading.key_filters import KeyFilters
from services.metadata.adapters.vast.reading.quiet import WRITERS, Marks, marks_of, processes_of
from services.metadata.adapters.vast.schema import COLUMNS, DEFAULTS
from services.vast_client.filters.filters import Scalar
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

# Lookups of up to this many keys are planned as reads of single rows.
_MAX_POINTS: Final = 8
# The table, column, read columns and `exist` that lookups share if they are sent together.
_Group: TypeAlias = tuple[str, str, tuple[str, ...], bool]


class Snapshot:
    """The rows that a transaction has read. An eager snapshot fetches unknown rows; others raise Missing.

    Snapshots of reads may take rows from the cache. Those of changes have no cache.
    """

    def __init__(
        self, transaction: Transaction, cache: RowCache | None = None, not_before: float = 0.0
    ) -> None:
        self._transaction = transaction
        self._cache = cache
        self._not_before = not_before
        self._known: dict[Query, Sequence[Row]] = {}
        self._remembered: set[Lookup] = set()
        # The rows from the cache: by id, the time when their version first arrived there.
        self.recalled: dict[str, float] = {}
        self._marks: Marks | None = None
        self._key_filters = KeyFilters(transaction)
        self.eager = False
        # True after a query that is not a standing query of background work.
        self.serves_callers = False

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The committed rows of each query. Raises Missing if some are unknown and this is not eager."""
        known = self._known
        unknown = [query for query in queries if query not in known]
        if unknown:
            if not self.eager:
                raise Missing(unknown)
            self.fetch(unknown)
        return [known[query] for query in queries]

    def known_lookups(self) -> dict[Lookup, Sequence[Row]]:
        """The lookups of this transaction so far, with their rows, but not those from the cache."""
        return {
            query: rows
            for query, rows in self._known.items()
            if isinstance(query, Lookup) and query not in self._remembered
        }

    def listed(self) -> Iterable[tuple[str, Sequence[Row]]]:
        """The rows with all columns that selects of cached tables returned, by table."""
        for query, rows in self._known.items():
            if isinstance(query, Select) and query.table in KEPT and query.columns == COLUMNS[query.table]:
                yield query.table, rows

    def fetch(self, queries: Sequence[Query]) -> None:
        """Read the rows of queries. All lookups of a column share a request."""
        groups: dict[_Group, dict[Scalar, Lookup]] = defaultdict(dict)
        current_queries = []
        for query in dict.fromkeys(queries):
            if isinstance(query, Select):
                standing = query.standing and self._cache is not None
                self.serves_callers |= not standing
                self._known[query] = self._standing_rows(query) if standing else self._select(query)
            elif isinstance(query, Current):
                current_queries.append(query)
                if query.lookup not in self._known or query.lookup in self._remembered:
                    groups[_group_of(query.lookup)][query.lookup.value] = query.lookup
            elif self._cache is None or not self._recall(query, self._cache):
                groups[_group_of(query)][query.value] = query
        self.serves_callers |= bool(groups)
        for group, lookups in groups.items():
            self._look_up(group, lookups)
        self._known |= {query: self._known[query.lookup] for query in current_queries}

    def _recall(self, query: Lookup, cache: RowCache) -> bool:
        found = cache.recall(query, self._not_before)
        if found is None:
            return False
        self._known[query], self.recalled[str(query.value)] = found
        self._remembered.add(query)
        return True

    def _standing_rows(self, query: Select) -> Sequence[Row]:
        """The rows of a standing query. It is sent only if some process has written since the last time."""
        assert self._cache is not None  # noqa: S101 - the caller has checked it
        quiet = self._cache.quiet
        if self._marks is None:
            writers = self._select(WRITERS)
            self._marks = marks_of(writers)
            quiet.update_marks(self._marks, self._transaction.began, processes_of(writers))
        rows = quiet.valid(query, self._marks)
        if rows is None:
            rows = self._select(query)
            quiet.keep(query, rows, self._marks, self._transaction.began)
        return rows

    def _look_up(self, group: _Group, lookups: Mapping[Scalar, Lookup]) -> None:
        table, column, columns, exist = group
        found: dict[Scalar, list[Row]] = {value: [] for value in lookups}
        # A lookup of NULL finds no rows.
        values = [value for value in lookups if value is not None]
        kind = Kind.POINT if len(values) <= _MAX_POINTS else Kind.PAGE
        read_columns = columns if column in columns else (*columns, column)
        where = self._key_filters.choose(table, column, values, exist=exist)
        for row in self._select(Select(table, where, read_columns, None, kind)) if values else ():
            if row[column] in found:
                found[row[column]].append(row)
        self._known.update(zip(lookups.values(), found.values(), strict=True))
        self._remembered.difference_update(lookups.values())

    def _select(self, query: Select) -> Sequence[Row]:
        rows = self._transaction.select(
            query.table, query.columns, query.where, kind=query.kind, limit=query.cap, row_ids=True
        )
        found = with_defaults(query.table, rows).to_pylist()
        return cast("Sequence[Row]", sorted(found, key=lambda row: row[ROW_ID]))


def _group_of(lookup: Lookup) -> _Group:
    table, column, _, columns, exist = lookup
    return table, column, columns, exist


def with_defaults(table: str, rows: pa.Table) -> pa.Table:
    """The rows, with defaults instead of NULLs in columns that were added to the table after the rows."""
    for name, value in DEFAULTS.get(table, {}).items():
        index = rows.schema.get_field_index(name)
        if index >= 0 and rows.column(index).null_count:
            filled = pc.fill_null(rows.column(index), pa.scalar(value, rows.schema.field(index).type))
            rows = rows.set_column(index, rows.schema.field(index), filled)
    return rows
