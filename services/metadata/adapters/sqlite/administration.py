"""Administration of the tables in a database file.

Names of tables and columns cannot be parameters of statements: they are quoted, and callers have found
them in the catalog or checked that they are plain words.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from services.metadata.adapters.sqlite import catalog
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.application.ports.administration import Endpoint, Projection, Table

_DECLARED: Final = {
    "string": "TEXT", "int64": "INTEGER", "float64": "REAL", "binary": "BLOB", "bool": "INTEGER",
}  # fmt: skip
# Rows whose length is looked at.
_SAMPLE: Final = 200
_SEGMENTS: Final = """
    SELECT f.id, s.segments FROM flows f JOIN flow_stats s ON s.flow = f.row
    WHERE f.id IN (SELECT value FROM json_each(?))
"""


class SqliteAdministration:
    """The tables of one store."""

    engine = "sqlite"

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    @property
    def schema(self) -> str:
        """The name of the database file."""
        return self._store.path.name

    async def tables(self) -> list[Table]:
        """All tables by name."""
        return await self._store.inspect(_tables)

    async def table(self, name: str) -> Table | None:
        """One table, without its size."""

        def find(connection: sqlite3.Connection) -> Table | None:
            known = name in catalog.table_names(connection)
            return catalog.table(connection, name, 0, 0) if known else None

        return await self._store.inspect(find)

    def missing(self, present: Sequence[Table]) -> list[str]:
        """What the service needs and these tables lack."""
        found = {table.name: {column.name for column in table.columns} for table in present}
        return [
            name if column is None else f"{name}.{column}"
            for name, columns in catalog.own_columns().items()
            for column in (sorted(columns - found[name]) if name in found else [None])
        ]

    def endpoints(self) -> list[Endpoint]:
        """None: it is a file."""
        return []

    def cache(self) -> None:
        """None: reads take microseconds."""
        return

    async def count_values(self, table: str, column: str) -> int:
        """Rows whose column is not NULL."""
        sql = f"SELECT count({_quoted(column)}) FROM {_quoted(table)}"
        return int(await self._store.inspect(lambda connection: connection.execute(sql).fetchone()[0]))

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        await self._alter(f"ALTER TABLE {_quoted(table)} ADD COLUMN {_quoted(name)} {_DECLARED[type_name]}")

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Give a column another name."""
        await self._alter(
            f"ALTER TABLE {_quoted(table)} RENAME COLUMN {_quoted(name)} TO {_quoted(new_name)}"
        )

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column, and the secondary indexes that others made over it."""

        def drop(connection: sqlite3.Connection) -> None:
            for index in catalog.index_names(connection, table):
                if name in catalog.projection(connection, table, index).sorted_by:
                    connection.execute(f"DROP INDEX {_quoted(index)}")
            connection.execute(f"ALTER TABLE {_quoted(table)} DROP COLUMN {_quoted(name)}")

        await self._store.alter(drop)

    async def refresh(self) -> None:
        """Nothing is remembered here: SQLite itself notices when a schema has changed."""

    async def projections(self, table: str) -> list[Projection]:
        """The secondary indexes of a table by name."""
        return await self._store.inspect(
            lambda connection: [
                catalog.projection(connection, table, index)
                for index in catalog.index_names(connection, table)
            ]
        )

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Make a secondary index; columns to hold besides come last in its order."""
        columns = ", ".join(map(_quoted, (*sorted_by, *also)))
        await self._alter(f"CREATE INDEX {_quoted(name)} ON {_quoted(table)} ({columns})")

    async def drop_projection(self, table: str, name: str) -> None:  # noqa: ARG002 - names of indexes are unique
        """Remove a secondary index."""
        await self._alter(f"DROP INDEX {_quoted(name)}")

    async def reset(self) -> None:
        """Drop every table and make the service's own again. The file keeps its size and uses it again."""

        def reset(connection: sqlite3.Connection) -> None:
            for name in catalog.table_names(connection):
                connection.execute(f"DROP TABLE {_quoted(name)}")
            for statement in catalog.schema_statements():
                connection.execute(statement)

        await self._store.alter(reset)

    async def segment_counts(self, flow_ids: Sequence[str]) -> Mapping[str, int]:
        """How many segments the statistics of flows tell of."""
        ids = json.dumps(list(flow_ids))
        return await self._store.inspect(
            lambda connection: dict(connection.execute(_SEGMENTS, (ids,)).fetchall())
        )

    async def _alter(self, sql: str) -> None:
        await self._store.alter(lambda connection: connection.execute(sql))


def _tables(connection: sqlite3.Connection) -> list[Table]:
    names = catalog.table_names(connection)
    rows = {name: _number(connection, f"SELECT count(*) FROM {_quoted(name)}") for name in names}
    sizes = _sizes(connection, rows)
    return [catalog.table(connection, name, rows[name], sizes[name]) for name in names]


def _sizes(connection: sqlite3.Connection, rows: Mapping[str, int]) -> dict[str, int]:
    """The file's used bytes shared out by rows and their mean length: SQLite itself seldom counts them."""
    pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
    used = pages * _number(connection, "PRAGMA page_size")
    weights = {name: count * _row_length(connection, name) for name, count in rows.items() if count}
    whole = sum(weights.values()) or 1
    return {name: used * weights.get(name, 0) // whole for name in rows}


def _row_length(connection: sqlite3.Connection, table: str) -> int:
    columns = catalog.table(connection, table, 0, 0).columns
    length = " + ".join(f"coalesce(length({_quoted(column.name)}), 0)" for column in columns)
    sample = f"SELECT * FROM {_quoted(table)} LIMIT {_SAMPLE}"
    return _number(connection, f"SELECT CAST(avg({length}) AS INTEGER) + 1 FROM ({sample})")


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
