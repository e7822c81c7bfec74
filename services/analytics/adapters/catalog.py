"""Implements the port Catalog: reads objects from the table store, orders and groups them in DuckDB.

Objects are grouped by hashes, since DuckDB keeps each key in memory: a million objects take about 60 MB. The
texts are read in a second pass, for the groups to report alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import duckdb

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.tables import Tables
from services.analytics.domain.objects import DuplicateReport, Duplicates, ObjectAccess

_MAX_IDS: Final = 100
# The types of text columns without rows are others.
_LEAST: Final = """
SELECT object_id, storage_id, size, urls, last_ms FROM input
ORDER BY urls, last_ms, object_id::VARCHAR LIMIT $limit"""
_MOST: Final = """
SELECT object_id, storage_id, size, urls, last_ms FROM input WHERE urls > 0
ORDER BY urls DESC, last_ms DESC, object_id::VARCHAR LIMIT $limit"""

_CONTENT: Final = "hash(storage_id::VARCHAR, size, etag::VARCHAR)"
_KNOWN: Final = "etag::VARCHAR <> '' AND size > 0"
# Several objects may have one place, whose bytes are there once.
_GROUPS: Final = f"""
CREATE TEMP TABLE contents AS
SELECT content, any_value(size) AS size, count(*) AS places
FROM (
    SELECT {_CONTENT} AS content, hash(storage_path::VARCHAR) AS place, any_value(size) AS size
    FROM input WHERE {_KNOWN} GROUP BY 1, 2
)
GROUP BY content HAVING count(*) > 1"""
_TOTALS: Final = "SELECT count(*), coalesce(sum((places - 1) * size::HUGEINT), 0) FROM contents"
_LARGEST: Final = """
SELECT content, places FROM contents ORDER BY (places - 1) * size::HUGEINT DESC, content LIMIT $limit"""
_TEXTS: Final = f"""
SELECT if(list_contains($contents, {_CONTENT}) AND {_KNOWN}, {_CONTENT}, NULL) AS found,
    any_value(storage_id::VARCHAR), any_value(etag::VARCHAR), any_value(size), count(*),
    min(object_id::VARCHAR, {_MAX_IDS}), count(*) FILTER ({_KNOWN}),
    count(*) FILTER (size > 0 OR size IS NULL)
FROM input GROUP BY found"""


class DuckDbCatalog:
    """Reports about single objects from `tables` with `engine`."""

    def __init__(self, tables: Tables, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    async def accesses(self, *, least: bool, limit: int) -> Sequence[ObjectAccess]:
        """The objects with the fewest or the most URLs, in order."""
        source = self._tables.catalog if least else partial(self._tables.most_accessed, limit)
        return await self._engine.run(source, partial(_accesses, least, limit))

    async def duplicates(self, limit: int) -> DuplicateReport:
        """The groups of objects with the same bytes that waste the most."""
        count, savable, places = await self._engine.run(self._tables.catalog, partial(_groups, limit))
        return await self._engine.run(self._tables.catalog, partial(_report, count, savable, places))


def _accesses(least: bool, limit: int, connection: duckdb.DuckDBPyConnection) -> Sequence[ObjectAccess]:
    rows = connection.execute(_LEAST if least else _MOST, {"limit": limit}).fetchall()
    return [ObjectAccess(*row) for row in rows]


def _groups(limit: int, connection: duckdb.DuckDBPyConnection) -> tuple[int, int, dict[int, int]]:
    """The number of groups, the bytes to save, and the numbers of places of the largest by their hash."""
    connection.execute(_GROUPS)
    (count, savable) = _one(connection.execute(_TOTALS))
    return count, int(savable), dict(connection.execute(_LARGEST, {"limit": limit}).fetchall())


def _report(
    count: int, savable: int, places: dict[int, int], connection: duckdb.DuckDBPyConnection
) -> DuplicateReport:
    rows = connection.execute(_TEXTS, {"contents": list(places)}).fetchall()
    groups = [
        Duplicates(storage_id, etag, size, places[content], objects, ids)
        for content, storage_id, etag, size, objects, ids, *_ in rows
        if content is not None
    ]
    groups.sort(key=lambda group: (-(group.places - 1) * group.size, group.object_ids))
    compared = sum(row[6] for row in rows)
    return DuplicateReport(groups, count, savable, compared, sum(row[7] for row in rows) - compared)


def _one(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    row = result.fetchone()
    assert row is not None  # noqa: S101 - an aggregate without groups has one row
    return row
