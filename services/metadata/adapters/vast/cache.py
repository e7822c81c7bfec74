"""Rows that are read often, kept for a short time.

Writes of this process are put in at once. Those of others show when the entry's time is over, so the time
is the longest that a read may lag behind another process.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final, NamedTuple

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import Lookup, Missing, Query, Row
from services.metadata.adapters.vast.schema import COLUMNS

_KEPT: Final = frozenset({"flows", "sources"})


class CacheStatistics(NamedTuple):
    """How often a read found what it asked."""

    hits: int
    misses: int
    entries: int


class _Entry(NamedTuple):
    rows: Sequence[Row] | None  # None: written, by a change that was not read back yet
    until: float
    version: int


class RowCache:
    """Flows and sources by id. Thread-safe; bounded in number and time."""

    def __init__(self, entries: int, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._most = entries
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Lookup, _Entry] = OrderedDict()
        self._hits = self._misses = 0
        self.version = 0
        # Of entries that were dropped, the latest version: what was read before it may be old.
        self._dropped = 0

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The rows of queries that are all known; raises Missing."""
        found = []
        for query in queries:
            rows = self.known(query) if isinstance(query, Lookup) else None
            if rows is None:
                self._misses += 1
                raise Missing(queries)
            found.append(rows)
        self._hits += len(found)
        return found

    def known(self, query: Lookup) -> Sequence[Row] | None:
        """The rows of one lookup; None when they are not known any more."""
        entry = self._entries.get(query)
        return None if entry is None or entry.until < self._clock() else entry.rows

    def fill(self, known: Mapping[Lookup, Sequence[Row]], version: int) -> None:
        """Keep rows that were read since `version`, but for those that were written since."""
        if self._seconds <= 0:
            return
        with self._lock:
            for query, rows in known.items():
                before = self._entries.get(query)
                newest = self._dropped if before is None else before.version
                if _is_kept(query) and rows and newest <= version:
                    if before is not None and before.rows is rows:
                        continue  # it came from here: its time goes on
                    self._put(query, rows, version)

    def written(self, changes: Changes) -> None:
        """Keep what was committed."""
        with self._lock:
            self.version += 1
            if self._seconds <= 0:
                return
            for table in _KEPT & changes.tables.keys():
                of_table = changes.tables[table]
                for row in of_table.deleted.values():
                    self._put(_key(table, row), None, self.version)
                for row in (*of_table.updated.values(), *of_table.inserted.values()):
                    self._put(_key(table, row), [row], self.version)

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self.version += 1
            self._dropped = self.version
            self._entries.clear()

    def statistics(self) -> CacheStatistics:
        """How often a read found what it asked."""
        return CacheStatistics(self._hits, self._misses, len(self._entries))

    def _put(self, query: Lookup, rows: Sequence[Row] | None, version: int) -> None:
        self._entries[query] = _Entry(rows, self._clock() + self._seconds, version)
        self._entries.move_to_end(query)
        if len(self._entries) > self._most:
            _, dropped = self._entries.popitem(last=False)
            self._dropped = max(self._dropped, dropped.version)


def _is_kept(query: Lookup) -> bool:
    return query.table in _KEPT and query.column == "id" and query.columns == COLUMNS[query.table]


def _key(table: str, row: Row) -> Lookup:
    return Lookup(table, "id", row["id"], COLUMNS[table])
