"""The table of tags, which sources and flows share."""

import sqlite3
from collections.abc import Mapping
from typing import Literal


def put_tags(
    connection: sqlite3.Connection, owner: Literal["source", "flow"], owner_id: str, tags: Mapping[str, str]
) -> None:
    """Store all tags of a source or flow in place of what was there."""
    connection.execute("DELETE FROM tags WHERE owner = ? AND id = ?", (owner, owner_id))
    connection.executemany(
        "INSERT INTO tags (owner, id, name, value) VALUES (?, ?, ?, ?)",
        ((owner, owner_id, name, value) for name, value in tags.items()),
    )
