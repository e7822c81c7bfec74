"""Reads of one transaction: asked together where they can be, and only once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from services.metadata.adapters.vast.cache import RowCache
from services.metadata.adapters.vast.queries import ROW_ID, Lookup, Missing, Query, Row, Select
from services.shared.vast.filters import And, AtLeast, AtMost, Filter, In, Scalar
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import Transaction

# Lookups of more keys than this read more than a page does.
_FEW: Final = 8
# From so many keys on it is worth a request to find out which of them are there.
_MANY: Final = 300
# Reading this many keys costs less than having one compared with all rows, and this many rows likewise.
_CHEAP: Final = 64
_SPARSE: Final = 4


class Snapshot:
    """What a transaction sees. An eager one fetches what it does not know; others raise Missing.

    Reads may be answered from the cache; writes never are.
    """

    def __init__(self, transaction: Transaction, cache: RowCache | None = None) -> None:
        self._transaction = transaction
        self._cache = cache
        self._known: dict[Query, Sequence[Row]] = {}
        self.eager = False

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The committed rows for each query; raises Missing."""
        known = self._known
        unknown = [query for query in queries if query not in known]
        if unknown:
            if not self.eager:
                raise Missing(unknown)
            self.fetch(unknown)
        return [known[query] for query in queries]

    def known_lookups(self) -> dict[Lookup, Sequence[Row]]:
        """The lookups made so far, with their rows."""
        return {query: rows for query, rows in self._known.items() if isinstance(query, Lookup)}

    def fetch(self, queries: Sequence[Query]) -> None:
        """Ask for rows; all lookups of a column in one request."""
        together: dict[tuple[str, str, tuple[str, ...]], list[Scalar]] = defaultdict(list)
        for query in dict.fromkeys(queries):
            if not isinstance(query, Lookup):
                self._known[query] = self._select(query)
            elif self._cache is not None and (rows := self._cache.known(query)) is not None:
                self._known[query] = rows
            else:
                together[query.table, query.column, query.columns].append(query.value)
        for (table, column, columns), values in together.items():
            self._look_up(table, column, columns, values)

    def _look_up(self, table: str, column: str, columns: tuple[str, ...], values: list[Scalar]) -> None:
        found: dict[Scalar, list[Row]] = {value: [] for value in values}
        kind = Kind.POINT if len(values) <= _FEW else Kind.PAGE
        asked = columns if column in columns else (*columns, column)
        where = In(column, tuple(values)) if len(values) <= _MANY else self._among(table, column, values)
        for row in self._select(Select(table, where, asked, None, kind)):
            if row[column] in found:
                found[row[column]].append(row)
        for value, rows in found.items():
            self._known[Lookup(table, column, value, columns)] = rows

    def _among(self, table: str, column: str, values: list[Scalar]) -> Filter:
        """What leads to the rows of many keys with less than a comparison for each of them.

        Keys that are new, or were made one after the other, have few others between them: a look at the
        keys that are there tells which of them are worth asking for.
        """
        between = And((AtLeast(column, _key(min(values))), AtMost(column, _key(max(values)))))
        cap = _CHEAP * len(values)
        present = self._transaction.select(table, (column,), between, kind=Kind.PAGE, limit=cap)
        if present.num_rows >= cap:
            return In(column, tuple(values))
        keys = present[column]
        wanted = keys.filter(pc.is_in(keys, pa.array(values, keys.type))).to_pylist()
        return between if len(wanted) * _SPARSE > len(keys) else In(column, tuple(wanted))

    def _select(self, query: Select) -> Sequence[Row]:
        rows = self._transaction.select(
            query.table, query.columns, query.where, kind=query.kind, limit=query.cap, row_ids=True
        )
        return cast("Sequence[Row]", sorted(rows.to_pylist(), key=lambda row: row[ROW_ID]))


def _key(value: Scalar) -> int | str:
    if isinstance(value, bytes):
        raise TypeError("no table is looked up by bytes")
    return value
