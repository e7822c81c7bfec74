"""Brings the tables of an earlier version to this one, once."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from services.metadata.adapters.sqlite.deletion_requests import mark_open
from services.metadata.adapters.sqlite.flows.classes import put_classes_of_tags

SCHEMA_VERSION: Final = 4
# Version 2 has counted links between sources, and marks of flows with open deletions. Both are made once from
# the tables of version 1.
_COUNT_LINKS: Final = """
    INSERT INTO source_links (owner, member, role, items)
    SELECT owner.source_id, member.source_id, c.role, count(*)
    FROM collections c JOIN flows owner ON owner.id = c.flow_id JOIN flows member ON member.id = c.member
    GROUP BY 1, 2, 3
"""
# Version 4 has the ETags of objects. Its table of accesses and its indexes of places are made by the schema.
_ADDED_TO_OBJECTS: Final = (("objects", "etag", "TEXT"),)
# Version 3 has classes of users and API keys, and the callers of deletion requests.
_ADDED: Final = (
    ("users", "classes", "TEXT"),
    ("api_keys", "classes", "TEXT"),
    ("deletion_requests", "created_by", "TEXT"),
    *_ADDED_TO_OBJECTS,
)
# Version 4 has copies of objects.
_ADDED_FOR_COPIES: Final = (("segments", "copies", "TEXT"), ("objects", "copies", "TEXT"))
# Constraints are only changed with their table. Webhooks of version 3 have owners, who may have the same URL
# and key. The first tables of version 1 used the row of a deleted flow again.
_CONSTRAINTS: Final = (("webhooks", "created_by"), ("flows", "AUTOINCREMENT"))


def evolve(connection: sqlite3.Connection, version: int, schema: str) -> None:
    """Bring the tables of an earlier version to those that the statements `schema` create.

    A new file has the version 0. All of it is one transaction, so a process that is killed leaves the tables
    as they were.
    """
    # The script begins the transaction itself, because Python commits before it runs one.
    script = ";".join(("BEGIN IMMEDIATE", *_added_columns(connection), *_made_again(connection, schema)))
    connection.executescript(f"{script};{schema}")
    if version < 2:  # noqa: PLR2004 - the version that introduced both
        connection.execute("DELETE FROM source_links")
        connection.execute(_COUNT_LINKS)
        mark_open(connection)
    if version < 3:  # noqa: PLR2004 - the version that introduced classes, which are made from tags
        put_classes_of_tags(connection)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _added_columns(connection: sqlite3.Connection) -> Iterator[str]:
    """The statements that add missing columns to the tables that exist, before indexes need them."""
    for table, column, declared in (*_ADDED, *_ADDED_FOR_COPIES):
        columns = _columns(connection, table)
        if columns and column not in columns:
            yield f"ALTER TABLE {table} ADD COLUMN {column} {declared}"


def _made_again(connection: sqlite3.Connection, schema: str) -> Iterator[str]:
    """The statements that make tables again whose constraints have changed, with all of their columns."""
    for table, word in _CONSTRAINTS:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if found is None or word in found[0]:
            continue
        create, columns = _statement(schema, table), _columns(connection, table)
        own = _columns_of(create, table)
        if own - columns.keys() - {word}:
            continue  # a table of another program
        yield f"ALTER TABLE {table} RENAME TO old_{table}"
        yield create
        for name in sorted(columns.keys() - own):
            yield f'ALTER TABLE {table} ADD COLUMN "{name}" {columns[name]}'
        names = ", ".join(f'"{name}"' for name in columns)
        yield f"INSERT INTO {table} ({names}) SELECT {names} FROM old_{table}"
        yield f"DROP TABLE old_{table}"


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """The types of the columns of a table by name; none if it does not exist."""
    return dict(connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))


def _columns_of(create: str, table: str) -> set[str]:
    """The columns of the table that a statement creates."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(create)
        return set(_columns(connection, table))


def _statement(schema: str, table: str) -> str:
    """The statement that creates a table."""
    found = re.search(rf"^CREATE TABLE IF NOT EXISTS {table} \(.*?^\)[^;]*", schema, re.DOTALL | re.MULTILINE)
    assert found is not None  # noqa: S101 - the schema has all tables
    return found[0]
