"""The tables, columns and indexes of a database file, and those that the service needs."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from typing import Final

from services.metadata.adapters.sqlite.file.connection import schema_text
from services.metadata.application.ports.administration import Column, Projection, Table

_TYPES: Final = {"TEXT": "string", "INTEGER": "int64", "INT": "int64", "REAL": "float64", "BLOB": "binary"}
_TABLES: Final = """
    SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1
"""
_INDEXES: Final = """
    SELECT name FROM pragma_index_list(?) WHERE origin = 'c' ORDER BY 1
"""


@cache
def own_columns() -> Mapping[str, frozenset[str]]:
    """The columns that the service needs, by table."""
    with closing(_own_schema()) as connection:
        return {name: frozenset(_columns(connection, name)) for name in table_names(connection)}


@cache
def own_tables() -> Sequence[Table]:
    """The tables that the service needs, without sizes."""
    with closing(_own_schema()) as connection:
        return [table(connection, name, 0, 0) for name in table_names(connection)]


@cache
def own_indexes() -> Mapping[str, frozenset[str]]:
    """The indexes that the service needs, by table."""
    with closing(_own_schema()) as connection:
        return {name: frozenset(index_names(connection, name)) for name in table_names(connection)}


def schema_statements() -> Iterator[str]:
    """The statements that create the service's own tables."""
    statement = ""
    for line in schema_text().splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def table_names(connection: sqlite3.Connection) -> list[str]:
    """The names of all tables, ascending."""
    return [name for (name,) in connection.execute(_TABLES)]


def index_names(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of the secondary indexes of a table, ascending."""
    return [name for (name,) in connection.execute(_INDEXES, (table,))]


def table(connection: sqlite3.Connection, name: str, rows: int, size: int) -> Table:
    """A table with its columns."""
    own = own_columns().get(name, frozenset())
    columns = [
        Column(column, _TYPES.get(type_name.upper(), type_name.lower()), column in own)
        for column, type_name in _columns(connection, name).items()
    ]
    return Table(name, columns, name in own_columns(), rows, size)


def projection(connection: sqlite3.Connection, table_name: str, index: str) -> Projection:
    """A secondary index, described as a projection, because it has the rows in another order."""
    rows = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,))
    sorted_by = [name or "(expression)" for (name,) in rows]
    own = index in own_indexes().get(table_name, frozenset())
    return Projection(index, sorted_by, [], own, "ready")


def _columns(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    return dict(connection.execute("SELECT name, type FROM pragma_table_info(?) ORDER BY cid", (name,)))


def _own_schema() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema_text())
    return connection
