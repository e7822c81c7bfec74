"""Rows that are read often, kept for a short time.

Writes of this process enter the cache at once. Writes of other processes show when the entry expires. The
lifetime of an entry starts with the transaction that read the row, so no read lags behind by more than that.

An entry has a window: from the start of the transaction that read the row until the row arrived. A read that
began after the window is newer. A read that overlaps the window may be older or newer: if its rows differ,
neither version is kept. So readers never see an older version after a newer one.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID, Lookup, Missing, Query, Row, Select
from services.metadata.adapters.vast.reading.quiet import Quiet
from services.metadata.adapters.vast.schema import COLUMNS
from services.shared import freshness
from services.shared.telemetry.metrics import Metrics

KEPT: Final = frozenset({"flows", "sources"})
# The times when this process first saw the present versions of rows, by id. If that was recently, other
# processes may still have older versions in their caches.
LearnTimes: TypeAlias = dict[str, float]


class CacheStatistics(NamedTuple):
    """The number of reads that found their row in the cache, of those that did not, and of entries."""

    hits: int
    misses: int
    entries: int


class _Entry(NamedTuple):
    rows: Sequence[Row] | None  # None: deleted, or it is uncertain which version is newer
    began: float  # the start of the transaction that read them
    known: float  # the time when they arrived
    learned: float  # the time when this version first arrived


class RowCache:
    """Flows and sources by id. Thread-safe; bounded in number and time."""

    def __init__(
        self,
        entries: int,
        seconds: float,
        clock: Callable[[], float] = monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        reads = (metrics or Metrics()).counter(
            "tams_cache_reads", "Reads of rows that the cache keeps, by whether it had them.", "result"
        )
        self._hits, self._misses = reads.cell("hit"), reads.cell("miss")
        self._max_entries = entries
        self._seconds = seconds
        self.clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Lookup, _Entry] = OrderedDict()
        # A row without an entry may have changed before this time, so reads that began earlier are not kept.
        self._floor = 0.0
        self.process = secrets.token_bytes(8)
        self.quiet = Quiet(clock)

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The rows of each query, if all of them are known; otherwise raises Missing."""
        not_before, now = self.limit(freshness.not_before.get()), self.clock()
        found, recent = [], {}
        for query in queries:
            if isinstance(query, Select) and query.standing:
                found.append(self._standing_rows(query))
                continue
            if not isinstance(query, Lookup):
                raise Missing(queries)
            entry = self._valid(query, not_before, now)
            if entry is None or entry.rows is None:
                self._misses.value += _is_kept(query)
                raise Missing(queries)
            self._hits.value += 1
            found.append(entry.rows)
            if entry.learned + self._seconds > now:
                recent[str(query.value)] = entry.learned
        if recent:
            freshness.report(self.recent_rows(recent))
        return found

    def _standing_rows(self, query: Select) -> Sequence[Row]:
        # The statistics count the reads of callers, and not those of background work.
        if (rows := self.quiet.known(query)) is None:
            raise Missing([query])
        return rows

    def limit(self, not_before: freshness.NotBefore | None) -> float:
        """The earliest start of a transaction whose rows may answer a request with this condition."""
        return 0.0 if not_before is None else not_before.limit(self.process)

    def known(self, query: Lookup, not_before: float = 0.0) -> Sequence[Row] | None:
        """The rows of a lookup; None if they are unknown, expired, or read before `not_before`."""
        found = self.recall(query, not_before)
        return None if found is None else found[0]

    def recall(self, query: Lookup, not_before: float) -> tuple[Sequence[Row], float] | None:
        """The rows of a lookup as in `known`, with the time when this version first arrived."""
        entry = self._valid(query, not_before, self.clock())
        return None if entry is None or entry.rows is None else (entry.rows, entry.learned)

    def only_recent(self, learned: LearnTimes) -> LearnTimes:
        """The rows that other processes may not have in their caches yet."""
        since = self.clock() - self._seconds
        return {row_id: time for row_id, time in learned.items() if time > since}

    def fill(self, known: Mapping[Lookup, Sequence[Row]], began: float) -> LearnTimes:
        """Keep the rows that a transaction has read, which began at that time. Returns the recent ones."""
        kept = ((query, rows) for query, rows in known.items() if _is_kept(query))
        return self._learn(kept, began, keep=True)

    def update_listed(self, table: str, rows: Iterable[Row], began: float) -> LearnTimes:
        """Update the entries of rows that a select returned. Returns the recent ones."""
        return self._learn(((_key(table, row), [row]) for row in rows), began, keep=False)

    def written(self, changes: Changes, began: float) -> LearnTimes:
        """Keep the rows that a commit has written, which began at that time. All of them are recent."""
        self.quiet.written([table for table, table_changes in changes.tables.items() if table_changes])
        if self._seconds <= 0:
            return {}
        recent: LearnTimes = {}
        with self._lock:
            now = self.clock()
            for table in KEPT & changes.tables.keys():
                table_changes = changes.tables[table]
                written = (*table_changes.updated.values(), *table_changes.inserted.values())
                stored = {row["id"]: row for row in written}
                stored.pop(None, None)  # no lookup asks for rows without an id
                removed = {row["id"] for row in table_changes.deleted.values()} - stored.keys() - {None}
                for row in stored.values():
                    self._keep_written(_key(table, row), [row], began, now)
                for row_id in removed:
                    self._put(_key(table, {"id": row_id}), _Entry(None, began, now, now))
                recent |= dict.fromkeys((*stored, *removed), now)
        return recent

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._floor = self.clock()
            self._entries.clear()
            self.quiet.clear()

    def recent_rows(self, recent: LearnTimes) -> freshness.RecentRows:
        """The recent rows in the form that goes to other processes."""
        age = self.clock() - max(recent.values())
        return freshness.RecentRows.of(self.process, int(self._seconds * 1000) + 1, age, recent)

    def statistics(self) -> CacheStatistics:
        """The counts since the start, and the present number of entries."""
        return CacheStatistics(int(self._hits.value), int(self._misses.value), len(self._entries))

    def _keep_written(self, query: Lookup, rows: Sequence[Row], began: float, now: float) -> None:
        before = self._entries.get(query)
        # A row that was read during this commit may be the result of a later commit.
        if before is None:
            is_uncertain = began < self._floor
        else:
            is_equal = before.rows is not None and _are_equal(before.rows, rows)
            is_uncertain = before.known > began and not is_equal
        self._put(query, _Entry(None if is_uncertain else rows, began, now, now))

    def _valid(self, query: Lookup, not_before: float, now: float) -> _Entry | None:
        entry = self._entries.get(query)
        if entry is None or entry.began < not_before or entry.began + self._seconds < now:
            return None
        return entry

    def _learn(
        self, found: Iterable[tuple[Lookup, Sequence[Row]]], began: float, *, keep: bool
    ) -> LearnTimes:
        """Update entries with rows that were read. `keep` adds entries for those that have none."""
        if self._seconds <= 0:
            return {}
        with self._lock:
            now = self.clock()
            times = {str(query.value): self._take(query, rows, began, now, keep) for query, rows in found}
        return self.only_recent(times)

    def _take(self, query: Lookup, rows: Sequence[Row], began: float, now: float, keep: bool) -> float:
        """Update an entry. Returns the time when this version of the rows first arrived."""
        before = self._entries.get(query)
        if before is None:
            if keep and rows:
                self._put(query, _Entry(rows if began >= self._floor else None, began, now, now))
            else:
                self._floor = now
            return now
        if before.rows is not None and _are_equal(before.rows, rows):
            if began > before.began:
                self._put(query, _Entry(before.rows, began, now, before.learned))
            return before.learned
        is_newer = began >= before.known and bool(rows)
        self._put(query, _Entry(rows if is_newer else None, began, max(before.known, now), now))
        return now

    def _put(self, query: Lookup, entry: _Entry) -> None:
        self._entries[query] = entry
        self._entries.move_to_end(query)
        if len(self._entries) > self._max_entries:
            _, dropped = self._entries.popitem(last=False)
            self._floor = max(self._floor, dropped.known)


def _are_equal(rows: Sequence[Row], others: Sequence[Row]) -> bool:
    """True if all values are equal. Row ids do not count: rows written here have none from the server yet."""
    if len(rows) != len(others):
        return False
    pairs = zip(rows, others, strict=True)
    return all(row == other or {**row, ROW_ID: 0} == {**other, ROW_ID: 0} for row, other in pairs)


def _is_kept(query: Lookup) -> bool:
    return query.table in KEPT and query.column == "id" and query.columns == COLUMNS[query.table]


def _key(table: str, row: Row) -> Lookup:
    return Lookup(table, "id", row["id"], COLUMNS[table])
