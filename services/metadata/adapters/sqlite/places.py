"""The objects and copies of a storage backend in the order of their keys, as a bucket lists them."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import PlacedObject

# A path above those with the prefix is the prefix with the highest character behind it.
_BELOW: Final = """
    storage = (SELECT row FROM storages WHERE id = :storage)
    AND storage_path >= :prefix AND storage_path < :prefix || char(0x10FFFF)
"""
_PLACES: Final = """
    json_each(:storages) s CROSS JOIN storages ON storages.id = s.value CROSS JOIN json_each(:paths) p
"""
_STATE: Final = "o.state = 'registered', o.changed_ms"
# Stored copies of objects that segments use have to be there. Those of a deleted object keep their state.
_STATE_OF_COPY: Final = (
    "c.state = 'stored' AND o.state = 'registered', max(c.changed_ms, coalesce(o.changed_ms, 0))"
)
# Both parts are read in the order of their indexes, and merged.
_PLACED: Final = f"""
    SELECT o.id AS object_id, o.storage_path AS path, {_STATE} FROM objects o
    WHERE {_BELOW} AND (o.storage_path, o.id) > (:path, :id)
    UNION ALL
    SELECT c.object_id, c.storage_path, {_STATE_OF_COPY}
    FROM (SELECT * FROM object_copies WHERE {_BELOW} AND (storage_path, object_id) > (:path, :id)) c
    LEFT JOIN objects o ON o.id = c.object_id
    ORDER BY path, object_id LIMIT :limit
"""
_AT: Final = f"""
    SELECT o.id, o.storage_path, {_STATE}
    FROM {_PLACES} CROSS JOIN objects o ON o.storage = storages.row AND o.storage_path = p.value
    UNION ALL
    SELECT c.object_id, c.storage_path, {_STATE_OF_COPY}
    FROM {_PLACES} CROSS JOIN object_copies c ON c.storage = storages.row AND c.storage_path = p.value
    LEFT JOIN objects o ON o.id = c.object_id
"""


def placed_objects(
    connection: sqlite3.Connection, storage_id: str, prefix: str, after: tuple[str, str], limit: int
) -> list[PlacedObject]:
    """Up to `limit` objects and copies whose path has a prefix, by path and id, that follow `after`."""
    path, object_id = max(after, (prefix, ""))
    parameters = {"storage": storage_id, "prefix": prefix, "path": path, "id": object_id, "limit": limit}
    return _placed(connection.execute(_PLACED, parameters))


def objects_at(
    connection: sqlite3.Connection, storage_ids: Sequence[str], paths: Sequence[str]
) -> list[PlacedObject]:
    """The objects and copies with one of the paths on one of the storage backends."""
    parameters = {"storages": ENCODE(storage_ids).decode(), "paths": ENCODE(paths).decode()}
    return _placed(connection.execute(_AT, parameters))


def _placed(rows: Iterable[tuple[ObjectId, str, int | None, int]]) -> list[PlacedObject]:
    return [PlacedObject(one, path, bool(registered), changed) for one, path, registered, changed in rows]
