"""The table of objects. An index of segments by object leads to the flows that reference an object."""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from services.metadata.adapters.sqlite.places import objects_at, placed_objects
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.ids import FlowId, ObjectId, StorageId
from services.metadata.domain.objects.object import IdleObject, MediaObject, PlacedObject, State

_COLUMNS: Final = (
    "o.id, storages.id, o.storage_path, o.state, o.allocated_for_flow, o.first_referenced_by_flow, o.size,"
    " o.copies"
)
_FROM: Final = "objects o LEFT JOIN storages ON storages.row = o.storage"
_GET: Final = f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.id = ?"
# The result is a single row of JSON, because the interpreter may switch to another thread after each row.
_GET_MANY: Final = f"""
    SELECT json_group_array(json_array({_COLUMNS})) FROM json_each(?)
    CROSS JOIN objects o ON o.id = value LEFT JOIN storages ON storages.row = o.storage
"""
_objects: Final = msgspec.json.Decoder(list[MediaObject])
_UNMEASURED: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM} WHERE o.measure_at_ms <= ? ORDER BY o.measure_at_ms LIMIT ?
"""
# The second condition on the state is that of the partial index, which is not used without it.
_IDLE: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE o.state = ? AND o.state <> 'registered' AND o.changed_ms <= ? ORDER BY o.changed_ms LIMIT ?
"""
_IDLE_PAGE: Final = f"""
    SELECT o.changed_ms, EXISTS (SELECT 1 FROM segments s WHERE s.object_id = o.id), {_COLUMNS} FROM {_FROM}
    WHERE o.state = ? AND o.state <> 'registered' AND o.changed_ms <= ? AND (o.changed_ms, o.id) > (?, ?)
    ORDER BY o.changed_ms, o.id LIMIT ?
"""
_ADD: Final = """
    INSERT INTO objects (id, storage, storage_path, state, allocated_for_flow,
        first_referenced_by_flow, created_ms, changed_ms, measure_at_ms)
    VALUES (?, (SELECT row FROM storages WHERE id = ?), ?, ?, ?, ?, ?, ?, ?)
"""
_REGISTER: Final = """
    UPDATE objects SET state = 'registered', changed_ms = :now,
        first_referenced_by_flow = coalesce(first_referenced_by_flow, :flow),
        measure_at_ms = CASE WHEN size IS NULL AND storage IS NOT NULL THEN :now END
    WHERE id
"""
_REGISTER_ONE: Final = f"{_REGISTER} = :ids"
_REGISTER_MANY: Final = f"{_REGISTER} IN (SELECT value FROM json_each(:ids))"
_RETIRE: Final = """
    UPDATE objects SET state = ?, changed_ms = ?, measure_at_ms = NULL
    WHERE id IN (SELECT value FROM json_each(?))
"""
_PLACE: Final = """
    UPDATE objects SET storage = (SELECT row FROM storages WHERE id = ?), storage_path = ?, copies = ?
    WHERE id = ?
"""
_COUNT: Final = "SELECT count(*) FROM segments WHERE object_id = ?"
_BY_ID: Final = "ORDER BY flows.id"
# One index seek for each flow, whatever the number of its segments with the object.
_REFERENCING: Final = """
    WITH RECURSIVE users (flow) AS (
        SELECT min(flow) FROM segments WHERE object_id = :object
        UNION ALL
        SELECT (SELECT min(flow) FROM segments WHERE object_id = :object AND flow > users.flow)
        FROM users WHERE users.flow IS NOT NULL
    )
    SELECT flows.id FROM users CROSS JOIN flows ON flows.row = users.flow
    WHERE flows.id > :after {condition} {order} LIMIT :limit
"""
_REFERENCING_ALL: Final = _REFERENCING.format(condition="", order=_BY_ID)
_OF_CLASSES: Final = """
    AND EXISTS (SELECT 1 FROM tags k WHERE k.owner = 'flow-class' AND k.id = flows.id
        AND k.name IN (SELECT value FROM json_each(:classes)))
"""
_REFERENCING_OF_CLASSES: Final = _REFERENCING.format(condition=_OF_CLASSES, order=_BY_ID)
# Without an order, the query ends at the first flow that it finds.
_ANY_OF_CLASSES: Final = _REFERENCING.format(condition=_OF_CLASSES, order="")
# Missing bytes are due again after 1, 2, 4 … seconds, up to an hour.
_MISSING: Final = """
    UPDATE objects SET measure_attempts = measure_attempts + 1,
        measure_at_ms = ? + 1000 * min(3600, 1 << min(measure_attempts, 12))
    WHERE id = ? AND size IS NULL AND measure_at_ms IS NOT NULL
"""
_MEASURED: Final = """
    UPDATE objects SET size = ?, etag = coalesce(?, etag), measure_at_ms = NULL WHERE id = ?
"""
_FORGET: Final = (
    "DELETE FROM objects WHERE id IN (SELECT value FROM json_each(?))",
    "DELETE FROM object_accesses WHERE object_id IN (SELECT value FROM json_each(?))",
)
# The columns of an object; its state is text.
_Row: TypeAlias = tuple[
    ObjectId, StorageId | None, str | None, str, FlowId | None, FlowId | None, int | None, str | None
]
# Faster than State(text), which matters in long lists.
_STATES: Final = {str(state): state for state in State}


class SqliteObjects:
    """Objects by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get_many(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, MediaObject]:
        """The stored objects, in any state, by id."""
        ids = list(object_ids)
        if len(ids) == 1:
            return {row[0]: _object(row) for row in self._execute(_GET, ids)}
        (objects,) = self._execute(_GET_MANY, (_json(ids),)).fetchone()
        return {item.id: item for item in _objects.decode(objects)}

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones become due for measuring."""
        add_objects(self._connection, list(objects))

    def register(self, object_ids: Iterable[ObjectId], flow_id: FlowId) -> None:
        """Set stored objects to REGISTERED. The flow is their first, unless another flow was before."""
        ids = list(object_ids)
        parameters = {"now": _now_ms(), "flow": flow_id}
        if len(ids) == 1:
            self._execute(_REGISTER_ONE, parameters | {"ids": ids[0]})
        elif ids:
            self._execute(_REGISTER_MANY, parameters | {"ids": _json(ids)})

    def retire(self, object_ids: Iterable[ObjectId], state: State) -> None:
        """Set stored objects to UNREFERENCED or RECLAIMED."""
        self._execute(_RETIRE, (state, _now_ms(), _json(list(object_ids))))

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of stored objects and of their copies."""
        rows = [(item.storage_id, item.storage_path, item.copies, item.id) for item in objects]
        self._connection.executemany(_PLACE, rows)

    def count_segments(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """The number of segments that reference each of these objects."""
        return {object_id: self._execute(_COUNT, (object_id,)).fetchone()[0] for object_id in object_ids}

    def release(self, object_ids: Iterable[ObjectId]) -> None:
        """Set objects without segments to UNREFERENCED, or remove those outside this store."""
        released = self.get_many(self.unreferenced(object_ids)).values()
        self.forget(item.id for item in released if item.storage_id is None)
        self.retire((item.id for item in released if item.storage_id is not None), State.UNREFERENCED)

    def unreferenced(self, object_ids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects, among these, that no segment references."""
        rows = self._execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"
            " (SELECT 1 FROM segments s WHERE s.object_id = value)",
            (_json(list(object_ids)),),
        )
        return [object_id for (object_id,) in rows]

    def forget(self, object_ids: Iterable[ObjectId]) -> None:
        """Remove the records of objects, with their accesses."""
        ids = _json(list(object_ids))
        for statement in _FORGET:
            self._execute(statement, (ids,))

    def referencing_flows(
        self, object_id: ObjectId, after: str | None, limit: int, classes: Classes | None = None
    ) -> list[FlowId]:
        """Up to `limit` ids above `after` of flows that reference the object, ascending."""
        parameters = {"object": object_id, "after": after or "", "limit": limit}
        if classes is None:
            return [flow_id for (flow_id,) in self._execute(_REFERENCING_ALL, parameters)]
        rows = self._execute(_REFERENCING_OF_CLASSES, parameters | {"classes": _json(sorted(classes))})
        return [flow_id for (flow_id,) in rows]

    def referenced(self, object_ids: Iterable[ObjectId], classes: Classes) -> frozenset[ObjectId]:
        """The objects, among these, that a flow with one of the classes references."""
        parameters = {"after": "", "limit": 1, "classes": _json(sorted(classes))}
        return frozenset(
            object_id
            for object_id in object_ids
            if self._execute(_ANY_OF_CLASSES, parameters | {"object": object_id}).fetchone()
        )

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects that have been in the state for at least `seconds`, oldest first."""
        rows = self._execute(_IDLE, (state, _now_ms() - 1000 * seconds, limit))
        return [_object(row) for row in rows]

    def idle_page(
        self, state: State, seconds: int, after: tuple[int, ObjectId] | None, limit: int
    ) -> list[IdleObject]:
        """Up to `limit` objects of `idle` after a place in their order."""
        since_ms, object_id = after or (-1, "")
        rows = self._execute(_IDLE_PAGE, (state, _now_ms() - 1000 * seconds, since_ms, object_id, limit))
        return [IdleObject(_object(tuple(row)), since, bool(is_used)) for since, is_used, *row in rows]

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Up to `limit` registered objects that are due for measuring, oldest first."""
        return [_object(row) for row in self._execute(_UNMEASURED, (_now_ms(), limit))]

    def placed(self, storage_id: str, prefix: str, after: tuple[str, str], limit: int) -> list[PlacedObject]:
        """Up to `limit` objects and copies of a backend whose path has a prefix, in the order of bytes."""
        return placed_objects(self._connection, storage_id, prefix, after, limit)

    def at(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects and copies with one of the paths on one of the storage backends."""
        return objects_at(self._connection, storage_ids, paths)

    def record_sizes(self, sizes: Mapping[ObjectId, int | None], etags: Mapping[ObjectId, str]) -> None:
        """Store sizes in bytes and known ETags, by object id. The size None postpones the next attempt."""
        now = _now_ms()
        for object_id, size in sizes.items():
            if size is None:
                self._execute(_MISSING, (now, object_id))
            else:
                self._execute(_MEASURED, (size, etags.get(object_id), object_id))


def add_objects(connection: sqlite3.Connection, objects: Sequence[MediaObject]) -> None:
    """Store new objects. Registered ones become due for measuring."""
    now, storage_ids = _now_ms(), {item.storage_id for item in objects} - {None}
    connection.executemany(
        "INSERT INTO storages (id) VALUES (?) ON CONFLICT DO NOTHING",
        ((storage_id,) for storage_id in storage_ids),
    )
    connection.executemany(_ADD, (_values(item, now) for item in objects))


def _object(row: _Row) -> MediaObject:
    return MediaObject(row[0], row[1], row[2], _STATES[row[3]], row[4], row[5], row[6], row[7])


def _values(item: MediaObject, now: int) -> tuple[str | int | None, ...]:
    return (
        item.id, item.storage_id, item.storage_path, item.state, item.allocated_for_flow,
        item.first_referenced_by_flow, now, now, now if _is_due(item) else None,
    )  # fmt: skip


def _is_due(item: MediaObject) -> bool:
    return item.state is State.REGISTERED and item.storage_id is not None and item.size is None


def _json(ids: Sequence[str]) -> str:
    return ENCODE(ids).decode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
