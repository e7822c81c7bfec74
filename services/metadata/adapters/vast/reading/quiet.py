"""The rows of standing queries, kept while no process writes.

Background work sends the same few queries again and again, and mostly finds no work. Every change stores its
name in a row of `writers`, a table with a few rows for each process. So one read of that table shows whether
all kept rows are still valid. A process reads it every few seconds, more often while others write, and less
often if there are many processes, so that all of them together send about as many requests as one.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from services.metadata.adapters.vast.queries import ROW_ID, Row, Select
from services.metadata.adapters.vast.writing.fence import RENEW_SECONDS
from services.vast_client.filters.filters import EVERYTHING

# Pairs of a row of `writers` and the name of the last change there.
Marks: TypeAlias = frozenset[tuple[str, str]]

WRITERS: Final = Select("writers", EVERYTHING, ("id", "change", "seen_ms"))
# The time between reads of `writers` is the first number times the number of processes, but never more than
# the second. It is the third while other processes write.
QUIET_SECONDS: Final = 7.0
LONGEST_SECONDS: Final = 60.0
BUSY_SECONDS: Final = 1.0
_RECENT_SECONDS: Final = 10.0
# Rows that other programs write, without a change, show after this time.
_KEPT_SECONDS: Final = 300.0
# A process was killed if its last sign of life is older than the newest one of all by more than this.
_ALIVE_MS: Final = 2.5 * RENEW_SECONDS * 1000
_MAX_ANSWERS: Final = 64


class _Answer(NamedTuple):
    rows: Sequence[Row]
    marks: Marks
    until: float


class Quiet:
    """The kept rows by query. Thread-safe; bounded in number."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[Select, _Answer] = OrderedDict()
        self._marks: Marks = frozenset()
        self._processes = 1
        # When `writers` was last read, and when its rows were last different.
        self._read_at = self._changed_at = float("-inf")
        # When this process last changed each table, and when `clear` was last called.
        self._written: dict[str, float] = {}
        self._cleared = float("-inf")

    def known(self, query: Select) -> Sequence[Row] | None:
        """The rows of a query; None if they are unknown, or if `writers` has to be read again."""
        now = self._clock()
        if now - self._read_at >= self._seconds_between_reads(now):
            return None
        answer = self._answers.get(query)
        return None if answer is None else answer.rows

    def _seconds_between_reads(self, now: float) -> float:
        if now - self._changed_at < _RECENT_SECONDS:
            return BUSY_SECONDS
        return min(LONGEST_SECONDS, QUIET_SECONDS * self._processes)

    def update_marks(self, marks: Marks, moment: float, processes: int = 1) -> None:
        """Keep the marks of `writers` and the number of processes, as they were at a moment."""
        with self._lock:
            self._read_at = max(self._read_at, moment)
            self._processes = processes
            if marks != self._marks:
                self._marks, self._changed_at = marks, self._clock()

    def valid(self, query: Select, marks: Marks) -> Sequence[Row] | None:
        """The rows of a query; None if they are unknown, expired, or kept with other marks."""
        answer = self._answers.get(query)
        if answer is None or answer.marks != marks or answer.until <= self._clock():
            return None
        return answer.rows

    def keep(self, query: Select, rows: Sequence[Row], marks: Marks, began: float) -> None:
        """Keep rows that were read with `marks`, unless this process has changed their table since."""
        with self._lock:
            if began <= max(self._cleared, self._written.get(query.table, self._cleared)):
                return
            self._answers[query] = _Answer(rows, marks, self._clock() + _KEPT_SECONDS)
            self._answers.move_to_end(query)
            if len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)

    def written(self, tables: Collection[str]) -> None:
        """Forget the rows of tables that this process has changed."""
        with self._lock:
            self._written |= dict.fromkeys(tables, self._clock())
            for query in [query for query in self._answers if query.table in tables]:
                del self._answers[query]

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._cleared = self._clock()
            self._answers.clear()


def marks_of(rows: Iterable[Row]) -> Marks:
    """The marks of rows of `writers`. They include the row id, so the row of a restarted process differs."""
    return frozenset((f"{row[ROW_ID]} {row['id']}", row["change"]) for row in rows)


def processes_of(rows: Sequence[Row]) -> int:
    """The number of processes with rows in `writers`, without killed ones; at least one."""
    seen_ms = {row["id"]: row["seen_ms"] or 0 for row in rows}
    last = max(seen_ms.values(), default=0)
    return max(1, len({name.partition("/")[0] for name, at in seen_ms.items() if last - at <= _ALIVE_MS}))
