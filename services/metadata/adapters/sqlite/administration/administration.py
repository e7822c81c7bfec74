"""Administration of the tables in a database file.

Names of tables and columns cannot be parameters of statements, so they are quoted. Callers have found them in
the catalog, or checked that they are plain words.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from services.metadata.adapters.sqlite.administration import catalog
from services.metadata.adapters.sqlite.file.damage import find_damage
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.application.ports.administration import (
    KEPT,
    Damage,
    Endpoint,
    Projection,
    Recorded,
    Table,
)
from services.shared.errors import TamsError

_DECLARED: Final = {
    "string": "TEXT", "int64": "INTEGER", "float64": "REAL", "binary": "BLOB", "bool": "INTEGER",
}  # fmt: skip
# Rows whose mean length stands for that of the table.
_SAMPLE: Final = 200
# Time for checking the pages of the file. It suffices for one or two gigabytes.
_DAMAGE_SECONDS: Final = 20.0
_SEGMENTS: Final = """
    SELECT f.id, s.segments FROM flows f JOIN flow_stats s ON s.flow = f.row
    WHERE f.id IN (SELECT value FROM json_each(?))
"""


class SqliteAdministration:
    """Reads and changes the tables of a store."""

    engine = "sqlite"

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._damage_check = asyncio.Lock()

    @property
    def schema(self) -> str:
        """The name of the database file."""
        return self._store.path.name

    async def tables(self) -> list[Table]:
        """All tables, ascending by name."""
        return await self._store.inspect(_tables)

    async def table(self, name: str) -> Table | None:
        """The table, without its size; None if it does not exist."""

        def find(connection: sqlite3.Connection) -> Table | None:
            exists = name in catalog.table_names(connection)
            return catalog.table(connection, name, 0, 0) if exists else None

        return await self._store.inspect(find)

    def missing(self, present: Sequence[Table]) -> list[str]:
        """The tables and columns that the service needs and that are missing, as table or table.column."""
        found = {table.name: {column.name for column in table.columns} for table in present}
        return [
            name if column is None else f"{name}.{column}"
            for name, columns in catalog.own_columns().items()
            for column in (sorted(columns - found[name]) if name in found else [None])
        ]

    def unfit(self, present: Sequence[Table]) -> list[str]:
        """The columns with other types than the service needs, a sentence for each."""
        own = {table.name: table for table in catalog.own_tables()}
        return [
            f"table {table.name}, column {column.name}: the type is {column.type}, it must be {needed.type}"
            for table in present
            for column in table.columns
            if table.name in own
            and (needed := own[table.name].column(column.name)) is not None
            and needed.type != column.type
        ]

    def endpoints(self) -> list[Endpoint]:
        """Always empty: a file has no servers."""
        return []

    def cache(self) -> None:
        """Always None: reads take microseconds, so there is no cache."""
        return

    async def count_values(self, table: str, column: str) -> int:
        """The number of rows in which the column is not NULL."""
        sql = f"SELECT count({_quoted(column)}) FROM {_quoted(table)}"
        return int(await self._store.inspect(lambda connection: connection.execute(sql).fetchone()[0]))

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        await self._alter(f"ALTER TABLE {_quoted(table)} ADD COLUMN {_quoted(name)} {_DECLARED[type_name]}")

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Rename a column."""
        await self._alter(
            f"ALTER TABLE {_quoted(table)} RENAME COLUMN {_quoted(name)} TO {_quoted(new_name)}"
        )

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column, with the secondary indexes that contain it."""

        def drop(connection: sqlite3.Connection) -> None:
            for index in catalog.index_names(connection, table):
                if name in catalog.projection(connection, table, index).sorted_by:
                    connection.execute(f"DROP INDEX {_quoted(index)}")
            connection.execute(f"ALTER TABLE {_quoted(table)} DROP COLUMN {_quoted(name)}")

        await self._store.alter(drop)

    async def refresh(self) -> None:
        """Do nothing: SQLite itself notices changes of the schema."""

    async def projections(self, table: str) -> list[Projection]:
        """The secondary indexes of a table, ascending by name."""
        return await self._store.inspect(
            lambda connection: [
                catalog.projection(connection, table, index)
                for index in catalog.index_names(connection, table)
            ]
        )

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Create a secondary index. The columns `also` come last in its order."""
        columns = ", ".join(map(_quoted, (*sorted_by, *also)))
        await self._alter(f"CREATE INDEX {_quoted(name)} ON {_quoted(table)} ({columns})")

    async def drop_projection(self, table: str, name: str) -> None:  # noqa: ARG002 - the names of indexes are unique
        """Remove a secondary index."""
        await self._alter(f"DROP INDEX {_quoted(name)}")

    async def reset(self) -> None:
        """Replace the service's own tables by empty ones. Others, and those in KEPT, stay.

        The file keeps its size.
        """

        def reset(connection: sqlite3.Connection) -> None:
            identity = connection.execute("SELECT row, id, commits FROM store").fetchall()
            for name in catalog.own_columns().keys() & set(catalog.table_names(connection)) - KEPT:
                connection.execute(f"DROP TABLE {_quoted(name)}")
            for statement in catalog.schema_statements():
                connection.execute(statement)
            connection.executemany("INSERT INTO store (row, id, commits) VALUES (?, ?, ?)", identity)

        await self._store.alter(reset)

    def refusal(self) -> TamsError | None:
        """The error that writes get at present; None if they are accepted."""
        return self._store.refusal.error

    def free_bytes(self) -> int | None:
        """The free bytes of the disk, or those up to the limit of the file if they are fewer."""
        return self._store.database.free_bytes()

    async def damage(self) -> Damage:
        """The damaged pages of the file, or the fact that the file is no longer in its place."""
        if not self._store.database.in_place():
            # Opening another file in this place would create a log that does not belong to the open file.
            return Damage(["the file or its log was removed or replaced while in use"], complete=False)
        async with self._damage_check:
            return await asyncio.to_thread(find_damage, self._store.path, _DAMAGE_SECONDS)

    async def recorded(self, flow_ids: Sequence[str]) -> Mapping[str, Recorded]:
        """The recorded statistics, by flow id."""
        ids = json.dumps(list(flow_ids))

        def read(connection: sqlite3.Connection) -> dict[str, Recorded]:
            rows = connection.execute(_SEGMENTS, (ids,)).fetchall()
            return {flow_id: Recorded(segments) for flow_id, segments in rows}

        return await self._store.inspect(read)

    async def _alter(self, sql: str) -> None:
        await self._store.alter(lambda connection: connection.execute(sql))


def _tables(connection: sqlite3.Connection) -> list[Table]:
    names = catalog.table_names(connection)
    rows = {name: _number(connection, f"SELECT count(*) FROM {_quoted(name)}") for name in names}
    sizes = _sizes(connection, rows)
    return [catalog.table(connection, name, rows[name], sizes[name]) for name in names]


def _sizes(connection: sqlite3.Connection, rows: Mapping[str, int]) -> dict[str, int]:
    """Estimated bytes of the tables, because few builds of SQLite count them.

    The used bytes of the file are divided in proportion to the rows and their mean length.
    """
    pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
    used = pages * _number(connection, "PRAGMA page_size")
    weights = {name: count * _row_length(connection, name) for name, count in rows.items() if count}
    total = sum(weights.values()) or 1
    return {name: used * weights.get(name, 0) // total for name in rows}


def _row_length(connection: sqlite3.Connection, table: str) -> int:
    columns = catalog.table(connection, table, 0, 0).columns
    length = " + ".join(f"coalesce(length({_quoted(column.name)}), 0)" for column in columns)
    sample = f"SELECT * FROM {_quoted(table)} LIMIT {_SAMPLE}"
    return _number(connection, f"SELECT CAST(avg({length}) AS INTEGER) + 1 FROM ({sample})")


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
