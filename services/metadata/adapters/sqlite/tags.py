"""The table of tags, which sources and flows share."""

import sqlite3
from collections.abc import Mapping
from typing import Literal


def put_tags(
    connection: sqlite3.Connection, owner: Literal["source", "flow"], owner_id: str, tags: Mapping[str, str]
) -> None:
    """Store all tags of a source or flow in place of what was there; most changes touch none of them."""
    key = (owner, owner_id)
    before = dict(connection.execute("SELECT name, value FROM tags WHERE owner = ? AND id = ?", key))
    connection.executemany(
        "DELETE FROM tags WHERE owner = ? AND id = ? AND name = ?",
        [(*key, name) for name in before.keys() - tags.keys()],
    )
    connection.executemany(
        "INSERT INTO tags (owner, id, name, value) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (owner, id, name) DO UPDATE SET value = excluded.value",
        [(*key, name, value) for name, value in tags.items() if before.get(name) != value],
    )
