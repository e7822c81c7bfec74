"""The tables in SQLite: point reads through sqlite3, long ones as ADBC record-batch streams."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import adbc_driver_manager
import adbc_driver_sqlite

from services.analytics.adapters.tables import ArrowStream, FlowRow
from services.analytics.domain.coverage import Span
from services.shared.errors import Unavailable
from services.shared.timerange import NEVER, TimeRange

_BATCH_ROWS: Final = {"adbc.sqlite.query.batch_rows": "65536"}
# WAL readers wait for nobody but a crashed writer's recovery.
_BUSY_SECONDS: Final = 1.0

_CHECK: Final = "SELECT 1 FROM flows, flow_stats, segments, objects, storages LIMIT 0"

_FLOW: Final = """
SELECT flows.row, start_ns, end_ns, coalesce(end_inclusive, 0)
FROM flows LEFT JOIN flow_stats ON flow_stats.flow = flows.row
WHERE flows.id = ?"""

# Segments of a flow never overlap: at most one that starts before the span reaches into it.
_SEGMENTS: Final = """
SELECT max(start_ns, {start}) AS start_ns, min(end_ns, {end}) AS end_ns FROM segments
WHERE flow = {flow} AND start_ns < {end} AND end_ns > {start} AND start_ns >= coalesce(
    (SELECT max(start_ns) FROM segments WHERE flow = {flow} AND start_ns <= {start}), {start})
ORDER BY segments.start_ns"""

# Comparisons instead of the state itself: ADBC takes a text column for integers while it sees no row.
_OBJECTS: Final = """
SELECT coalesce(storages.id, '') AS storage_id, size, state = 'allocated' AS allocated,
    state = 'registered' AS registered, state = 'unreferenced' AS unreferenced
FROM objects LEFT JOIN storages ON storages.row = objects.storage"""


class SqliteTables:
    """The metadata service's SQLite file, read-only. Opened anew for each read, so it may come and go."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"

    def check(self) -> None:
        """Return when the tables can be read."""
        self._one(_CHECK)

    def flow(self, flow_id: str) -> FlowRow | None:
        """The flow; None when there is none."""
        if (found := self._one(_FLOW, flow_id)) is None:
            return None
        row, start, end, inclusive = found
        return FlowRow(row, NEVER if start is None else TimeRange(start, end, bool(inclusive)))

    @contextmanager
    def segments(self, flow: FlowRow, within: Span) -> Iterator[ArrowStream]:
        """The segments that overlap a span, by time, clipped to it."""
        query = _SEGMENTS.format(flow=int(flow.row), start=int(within.start), end=int(within.end))
        with self._stream(query) as stream:
            yield stream

    @contextmanager
    def objects(self) -> Iterator[ArrowStream]:
        """All objects."""
        with self._stream(_OBJECTS) as stream:
            yield stream

    def _one(self, query: str, *values: str) -> tuple[int, ...] | None:
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
                row: tuple[int, ...] | None = connection.execute(query, values).fetchone()
                return row
        except sqlite3.DatabaseError as error:
            raise _unavailable(error) from error

    @contextmanager
    def _stream(self, query: str) -> Iterator[ArrowStream]:
        try:
            with (
                adbc_driver_manager.AdbcDatabase(
                    driver=adbc_driver_sqlite._driver_path(),  # noqa: SLF001 - what its own connect() uses
                    uri=self._uri,
                ) as database,
                adbc_driver_manager.AdbcConnection(database) as connection,
                adbc_driver_manager.AdbcStatement(connection) as statement,
            ):
                statement.set_options(**_BATCH_ROWS)
                statement.set_sql_query(query)
                stream, _ = statement.execute_query()
                yield stream
        except adbc_driver_manager.DatabaseError as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the table store cannot be read: {error}", reason="STORE_UNAVAILABLE")
