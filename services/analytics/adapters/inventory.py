"""Implements the port Inventory: reads objects from the table store and sums them up in DuckDB."""

from collections.abc import Sequence
from typing import Final

import duckdb

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.tables import Tables
from services.analytics.domain.usage import StorageUsage

_USAGE: Final = """
SELECT storage_id, sum(registered), count(size) FILTER (registered = 1),
    coalesce(sum(size) FILTER (registered = 1), 0), sum(allocated), sum(unreferenced)
FROM input GROUP BY storage_id ORDER BY storage_id"""


class DuckDbInventory:
    """Computes the usage of storage backends from `tables` with `engine`."""

    def __init__(self, tables: Tables, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    async def usage(self) -> Sequence[StorageUsage]:
        """The usage of each backend that has objects, ascending by id."""
        return await self._engine.run(self._tables.objects, _usage)


def _usage(connection: duckdb.DuckDBPyConnection) -> Sequence[StorageUsage]:
    return [StorageUsage(str(row[0]), *map(int, row[1:])) for row in connection.execute(_USAGE).fetchall()]
