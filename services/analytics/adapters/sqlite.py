"""Reads the tables in SQLite through ADBC.

ADBC has its own copy of SQLite, so nothing else in this process may open the file: two copies of SQLite that
open one file in one process release each other's locks (sqlite.org/howtocorrupt.html, 2.2.1).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import adbc_driver_sqlite
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from adbc_driver_manager import DatabaseError as AdbcError

from services.analytics.adapters.tables import ArrowStream
from services.analytics.domain.coverage import Span
from services.shared.errors import Unavailable

_OPTIONS: Final = {"adbc.sqlite.query.batch_rows": "65536"}

# The writer locks readers out for a moment when it opens or closes the file, or restarts its log.
_BUSY_TIMEOUT: Final = "PRAGMA busy_timeout = 2000"

_CHECK: Final = """SELECT 1
FROM flows, flow_stats, segments, objects, object_accesses, object_copies, storages, trash LIMIT 0"""

_EXTENT: Final = """
SELECT start_ns, end_ns, coalesce(end_inclusive, 0) AS end_inclusive
FROM flows LEFT JOIN flow_stats ON flow_stats.flow = flows.row
WHERE flows.id = {flow_id}"""

# Segments of a flow never overlap, so at most one that starts before the span reaches into it.
_SEGMENTS: Final = """
WITH found (flow) AS (SELECT row FROM flows WHERE id = {flow_id})
SELECT max(start_ns, {start}) AS start_ns, min(end_ns, {end}) AS end_ns
FROM segments
WHERE flow = (SELECT flow FROM found) AND start_ns < {end} AND end_ns > {start}
    AND start_ns >= coalesce(
        (SELECT max(start_ns) FROM segments WHERE flow = (SELECT flow FROM found) AND start_ns <= {start}),
        {start})
ORDER BY segments.start_ns"""

# Objects that only segments in the trash use.
_HIDDEN: Final = """
WITH hidden (id) AS (
    SELECT DISTINCT deleted.object_id FROM trash CROSS JOIN segments deleted ON deleted.flow = trash.timeline
    WHERE NOT EXISTS (
        SELECT 1 FROM segments used CROSS JOIN flows ON flows.row = used.flow
        WHERE used.object_id = deleted.object_id)
)"""

# Objects that only segments in the trash use are not counted. A copy counts as an object on its backend: one
# that is being written as allocated, one that is retired as unreferenced. Comparisons instead of the state
# itself, because ADBC types a text column as integer if there are no rows.
_OBJECTS: Final = f"""{_HIDDEN}
SELECT coalesce(storages.id, '') AS storage_id, size, state = 'allocated' AS allocated,
    state = 'registered' AND objects.id NOT IN hidden AS registered, state = 'unreferenced' AS unreferenced
FROM objects LEFT JOIN storages ON storages.row = objects.storage
UNION ALL
SELECT storages.id, size, copies.state = 'copying',
    copies.state = 'stored' AND objects.state = 'registered' AND objects.id NOT IN hidden,
    copies.state = 'retired' OR copies.state = 'stored' AND objects.state = 'unreferenced'
FROM object_copies copies CROSS JOIN objects ON objects.id = copies.object_id
    JOIN storages ON storages.row = copies.storage"""

# The types of columns are those of the first rows, so only numbers may be NULL.
_CATALOG: Final = f"""{_HIDDEN}
SELECT objects.id AS object_id, storages.id AS storage_id, storage_path, size, coalesce(etag, '') AS etag,
    coalesce(urls, 0) AS urls, coalesce(last_ms, 0) AS last_ms
FROM {{tables}} CROSS JOIN storages ON storages.row = objects.storage
WHERE state = 'registered' AND objects.id NOT IN hidden"""
_ALL: Final = _CATALOG.format(
    tables="objects LEFT JOIN object_accesses ON object_accesses.object_id = objects.id"
)
_ACCESSED: Final = _CATALOG.format(
    tables="object_accesses CROSS JOIN objects ON objects.id = object_accesses.object_id"
)


class SqliteTables:
    """The SQLite file of the metadata service, read-only.

    It is opened for each read, so that the file may be created or replaced later.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"

    def check(self) -> None:
        """Check that the tables can be read. Unavailable if not."""
        with self._stream(_CHECK):
            pass

    def extent(self, flow_id: str) -> AbstractContextManager[ArrowStream]:
        """One row with the extent of the flow, no row if the flow does not exist."""
        return self._stream(_EXTENT.format(flow_id=_text(flow_id)))

    def segments(self, flow_id: str, within: Span) -> AbstractContextManager[ArrowStream]:
        """The segments that overlap a span, in order of time and clipped to it."""
        query = _SEGMENTS.format(flow_id=_text(flow_id), start=int(within.start), end=int(within.end))
        return self._stream(query)

    def objects(self) -> AbstractContextManager[ArrowStream]:
        """All objects, those that only the trash uses as not registered."""
        return self._stream(_OBJECTS)

    def catalog(self) -> AbstractContextManager[ArrowStream]:
        """The objects of this store that segments outside the trash use."""
        return self._stream(_ALL)

    def most_accessed(self, limit: int) -> AbstractContextManager[ArrowStream]:
        """The rows of `catalog` with the most URLs; an index gives them."""
        return self._stream(f"{_ACCESSED} ORDER BY urls DESC, last_ms DESC, object_id LIMIT {int(limit)}")

    @contextmanager
    def _stream(self, query: str) -> Iterator[ArrowStream]:
        driver = adbc_driver_sqlite._driver_path()  # noqa: SLF001 - its own connect() does the same
        try:
            with (
                AdbcDatabase(driver=driver, uri=self._uri) as database,
                AdbcConnection(database) as connection,
                AdbcStatement(connection) as busy_timeout,
                AdbcStatement(connection) as statement,
            ):
                busy_timeout.set_sql_query(_BUSY_TIMEOUT)
                busy_timeout.execute_update()
                statement.set_options(**_OPTIONS)
                statement.set_sql_query(query)
                stream, _ = statement.execute_query()
                yield stream
        except AdbcError as error:
            raise Unavailable("the table store cannot be read", reason="STORE_UNAVAILABLE") from error


def _text(value: str) -> str:
    """A safe SQL literal, in hexadecimal, because ADBC binds only Arrow data as parameters."""
    return f"CAST(x'{value.encode().hex()}' AS TEXT)"
