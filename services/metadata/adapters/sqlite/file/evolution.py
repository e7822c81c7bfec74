"""Completes the tables of an older version, once."""

import re
import sqlite3
from typing import Final

from services.metadata.adapters.sqlite.deletion_requests import mark_open
from services.metadata.adapters.sqlite.flows.classes import put_classes_of_tags

SCHEMA_VERSION: Final = 3
# Version 2 has counted links between sources, and marks of flows with open deletions. Both are made once from
# the tables of version 1.
_COUNT_LINKS: Final = """
    INSERT INTO source_links (owner, member, role, items)
    SELECT owner.source_id, member.source_id, c.role, count(*)
    FROM collections c JOIN flows owner ON owner.id = c.flow_id JOIN flows member ON member.id = c.member
    GROUP BY 1, 2, 3
"""
# Version 3 has classes of users and API keys, and the callers of deletion requests.
_ADDED: Final = (
    ("users", "classes", "TEXT"),
    ("api_keys", "classes", "TEXT"),
    ("deletion_requests", "created_by", "TEXT"),
)
# Its webhooks have owners, who may have the same URL and key. A constraint is only changed with its table.
_COPY_WEBHOOKS: Final = """
    INSERT INTO webhooks (id, url, api_key_name, api_key_value, body, settled, lease_owner, lease_until_ms)
    SELECT id, url, api_key_name, api_key_value, body, settled, lease_owner, lease_until_ms FROM old_webhooks
"""


def add_columns(connection: sqlite3.Connection) -> None:
    """Add missing columns to the tables that exist, before indexes need them."""
    for table, column, declared in _ADDED:
        columns = _columns(connection, table)
        if columns and column not in columns:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {declared}")


def evolve(connection: sqlite3.Connection, version: int, schema: str) -> None:
    """Complete the rows of an earlier version, whose missing tables were made by the statements `schema`.

    A new file has the version 0. All of it is one transaction, which also notes the new version.
    """
    connection.execute("BEGIN IMMEDIATE")
    if version < 2:  # noqa: PLR2004 - the version that introduced both
        connection.execute("DELETE FROM source_links")
        connection.execute(_COUNT_LINKS)
        mark_open(connection)
    if version < 3:  # noqa: PLR2004 - the version that introduced classes, which are made from tags
        put_classes_of_tags(connection)
    if "created_by" not in _columns(connection, "webhooks"):
        connection.execute("ALTER TABLE webhooks RENAME TO old_webhooks")
        connection.execute(_statement(schema, "webhooks"))
        connection.execute(_COPY_WEBHOOKS)
        connection.execute("DROP TABLE old_webhooks")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none if it does not exist."""
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _statement(schema: str, table: str) -> str:
    """The statement that creates a table."""
    found = re.search(rf"CREATE TABLE IF NOT EXISTS {table} \(.*?;", schema, re.DOTALL)
    assert found is not None  # noqa: S101 - the schema has all tables
    return found[0]
