"""Fills columns of rows that are older than the column.

Reads use DEFAULTS and `Timeline.known` instead of missing values. So all columns except `timeline` are filled
while the store serves.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.metadata.adapters.vast.opening.classes import are_older, make_classes
from services.metadata.adapters.vast.queries import Values
from services.metadata.adapters.vast.schema import DEFAULTS, TABLES
from services.metadata.adapters.vast.segments.statistics import EMPTIED_TIMELINE
from services.shared.timerange import MAX_NS
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, CommitUnknown, Failure
from services.vast_client.filters.filters import In, IsNull
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction

_log = logging.getLogger(__name__)
# Rows, and flows with segments to count, that one transaction fills.
_ROWS: Final = 1000
_COUNTED_FLOWS: Final = 16
_ATTEMPTS: Final = 5
_STEP_SECONDS: Final = 60.0
# Tables that are too large for a scan at each start. Of these, only columns that were just added are filled.
_LARGE: Final = frozenset({"segments", "objects", "tags"})
_COUNTED_COLUMNS: Final = ("segments", "longest_ns")
_ENDS: Final = ("flow", "start_ns", "end_ns", "end_inclusive")

Step = Callable[[Transaction], int]


class Filling:
    """Fills missing values on a thread of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, added: Mapping[str, Sequence[str]], *, before: bool) -> None:
        """Begin to fill missing values. With `before`, return when all are filled.

        That is for databases that do not refuse conflicting updates. In any case, all flows have timelines on
        return, because segments need them, and tables from before classes have the classes of tags.
        """
        steps = list(_needed(self._cluster, added))
        first: list[Step] = [make_classes] if are_older(added) else []
        first += [step for step in steps if before or step is _fill_timelines]
        _run(self._cluster, first, self._stop)
        if steps and self._thread is None:
            fill = partial(_run, self._cluster, steps, self._stop)
            self._thread = threading.Thread(target=fill, name="filling", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop after the present step."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()


def missing_values(cluster: Cluster) -> list[tuple[str, str]]:
    """The columns without values in some rows, as pairs of table and column, ascending."""
    return sorted(
        _with_nulls(cluster, {(table, name) for table, names in DEFAULTS.items() for name in names})
    )


def fill_missing(cluster: Cluster, table: str, column: str) -> None:
    """Fill a column, in small transactions."""
    step = _step(table, column)
    while step is not None and repeated(cluster, step):
        continue


def _needed(cluster: Cluster, added: Mapping[str, Sequence[str]]) -> Iterator[Step]:
    columns = {(table, name) for table, names in DEFAULTS.items() if table not in _LARGE for name in names}
    columns |= {(table, name) for table, names in added.items() for name in names}
    for table, name in sorted(_with_nulls(cluster, columns)):
        if step := _step(table, name):
            yield step


def _with_nulls(cluster: Cluster, columns: set[tuple[str, str]]) -> set[tuple[str, str]]:
    # The columns that a table is sorted by cannot be written.
    columns = {(table, name) for table, name in columns if name not in TABLES[table].sorted_by}
    checked = sorted(columns | {("flows", name) for name in ("timeline", *_COUNTED_COLUMNS)})

    def find(transaction: Transaction) -> set[tuple[str, str]]:
        # Most starts of new stores find all tables empty.
        filled = {table for table in {table for table, _ in checked} if transaction.count(table)}
        return {
            (table, name)
            for table, name in checked
            if table in filled and _nulls(transaction, table, name, limit=1).num_rows
        }

    return cluster.run(find, Kind.SCAN)


def _step(table: str, name: str) -> Step | None:
    if (table, name) == ("flows", "timeline"):
        return _fill_timelines
    if table == "flows" and name in _COUNTED_COLUMNS:
        return count_unknown
    return _filler(table, name) if name in DEFAULTS.get(table, {}) else None


def _run(cluster: Cluster, steps: Iterable[Step], stop: threading.Event) -> None:
    for step in steps:
        rows = 0
        try:
            while not stop.is_set() and (filled := repeated(cluster, step)):
                rows += filled
        except Failure as failure:
            _log.warning("rows are not filled yet", extra={"reason": str(failure)})
        if rows:
            _log.info("filled rows that are older than a column", extra={"rows": rows})


def repeated(cluster: Cluster, step: Step) -> int:
    """The result of a step, which may run again even if its commit succeeded."""
    for attempt in range(_ATTEMPTS):
        try:
            return cluster.run(step, budget=_STEP_SECONDS)
        except (Clash, CommitUnknown):
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _fill_timelines(transaction: Transaction) -> int:
    return _update(transaction, "flows", "timeline", lambda: secrets.randbits(62))


def _filler(table: str, name: str) -> Step:
    value = DEFAULTS[table][name]
    return lambda transaction: _update(transaction, table, name, lambda: value)


def _nulls(transaction: Transaction, table: str, name: str, limit: int) -> pa.Table:
    return transaction.select(table, (name,), IsNull(name), kind=Kind.SCAN, limit=limit, row_ids=True)


def _update(transaction: Transaction, table: str, name: str, value: Callable[[], object]) -> int:
    found = _nulls(transaction, table, name, _ROWS)
    if found.num_rows:
        values = pa.array([value() for _ in range(found.num_rows)], TABLES[table].columns.field(name).type)
        transaction.update(table, pa.table({ROW_ID: found[ROW_ID], name: values}))
        transaction.commit()
    return int(found.num_rows)


def count_unknown(transaction: Transaction) -> int:
    """Count the segments of some flows without statistics; returns the number of flows."""
    columns = ("timeline", *_COUNTED_COLUMNS)
    for name in _COUNTED_COLUMNS:
        flows = transaction.select(
            "flows", columns, IsNull(name), kind=Kind.SCAN, limit=_COUNTED_FLOWS, row_ids=True
        )
        if flows.num_rows:
            write_statistics(transaction, "flows", flows)
            transaction.commit()
            return int(flows.num_rows)
    return 0


def write_statistics(transaction: Transaction, table: str, rows: pa.Table) -> None:
    """Count the segments of timelines, and write the statistics into their rows."""
    timelines = rows["timeline"].to_pylist()
    segments = transaction.select("segments", _ENDS, In("flow", tuple(timelines)), kind=Kind.SCAN)
    counted = statistics_of(segments)
    empty = {**EMPTIED_TIMELINE, "longest_ns": 0}
    values = [counted.get(timeline, empty) for timeline in timelines]
    types = TABLES[table].columns
    arrays = {name: pa.array([row[name] for row in values], types.field(name).type) for name in empty}
    transaction.update(table, pa.table({ROW_ID: rows[ROW_ID], **arrays}))


def statistics_of(segments: pa.Table) -> dict[int, Values]:
    """The statistics of the timelines with segments, by timeline."""
    segments = segments.filter(pc.and_(segments["start_ns"].is_valid(), segments["end_ns"].is_valid()))
    lengths = pc.subtract(segments["end_ns"], segments["start_ns"])
    table = segments.append_column("length", lengths).sort_by("end_ns")
    names = {
        "start_ns": ("start_ns", "min"), "end_ns": ("end_ns", "max"), "longest_ns": ("length", "max"),
        "end_inclusive": ("end_inclusive", "last"), "segments": ("start_ns", "count"),
    }  # fmt: skip
    grouped = table.group_by("flow", use_threads=False).aggregate(list(names.values()))
    found = {}
    for row in grouped.to_pylist():
        values = {name: row["_".join(source)] for name, source in names.items()}
        values["end_inclusive"] = bool(values["end_inclusive"])
        values["longest_ns"] = min(MAX_NS, values["longest_ns"])
        found[row["flow"]] = values
    return found
