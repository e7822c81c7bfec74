"""The table of tags, which sources and flows share."""

import json
import sqlite3
from typing import Final, Literal, TypeAlias

from services.metadata.adapters.sqlite.flows.classes import ClassOwner, put_classes
from services.metadata.domain.documents.classes import changed_classes
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.ids import FlowId, SourceId

Owner: TypeAlias = Literal["source", "flow"]
CLASS_OWNERS: Final[dict[Owner, ClassOwner]] = {"source": "source-class", "flow": "flow-class"}


def put_tags(
    connection: sqlite3.Connection, owner: Owner, owner_id: FlowId | SourceId, changes: TagChanges
) -> None:
    """Change the tags of a source or flow, and the classes that follow from them.

    Only tags that change are written, and none is read.
    """
    key = (owner, owner_id)
    if changes.removed:
        connection.execute(
            "DELETE FROM tags WHERE owner = ? AND id = ? AND name IN (SELECT value FROM json_each(?))",
            (*key, json.dumps(sorted(changes.removed))),
        )
    if changes.set:
        connection.executemany(
            "INSERT INTO tags (owner, id, name, value) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (owner, id, name) DO UPDATE SET value = excluded.value",
            [(*key, name, value) for name, value in changes.set.items()],
        )
    if (classes := changed_classes(changes)) is not None:
        put_classes(connection, CLASS_OWNERS[owner], owner_id, classes)


def drop_tags(connection: sqlite3.Connection, owner: Owner, owner_id: FlowId | SourceId) -> None:
    """Delete all tags and classes of a source or flow."""
    connection.execute(
        "DELETE FROM tags WHERE owner IN (?, ?) AND id = ?", (owner, CLASS_OWNERS[owner], owner_id)
    )
