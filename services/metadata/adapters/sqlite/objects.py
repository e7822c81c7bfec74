"""The table of objects. Which flows reference one is what the index of segments by object tells."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.object import MediaObject, State

_COLUMNS: Final = (
    "o.id, storages.id, o.storage_path, o.state, o.allocated_for_flow, o.first_referenced_by_flow, o.size"
)
_FROM: Final = "objects o LEFT JOIN storages ON storages.row = o.storage"
_GET: Final = f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.id = ?"
# One row of JSON: between rows the interpreter goes to other threads and has to be waited for.
_GET_MANY: Final = f"""
    SELECT json_group_array(json_array({_COLUMNS})) FROM json_each(?)
    CROSS JOIN objects o ON o.id = value LEFT JOIN storages ON storages.row = o.storage
"""
_objects: Final = msgspec.json.Decoder(list[MediaObject])
_UNMEASURED: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM} WHERE o.measure_at_ms <= ? ORDER BY o.measure_at_ms LIMIT ?
"""
# The condition on the state is that of the index.
_IDLE: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE o.state = ? AND o.state <> 'registered' AND o.changed_ms <= ? ORDER BY o.changed_ms LIMIT ?
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
# One seek for each flow, however many of its segments use the object.
_REFERENCING: Final = """
    WITH RECURSIVE users (flow) AS (
        SELECT min(flow) FROM segments WHERE object_id = :object
        UNION ALL
        SELECT (SELECT min(flow) FROM segments WHERE object_id = :object AND flow > users.flow)
        FROM users WHERE users.flow IS NOT NULL
    )
    SELECT flows.id FROM users CROSS JOIN flows ON flows.row = users.flow
    WHERE flows.id > :after ORDER BY flows.id LIMIT :limit
"""
# Bytes that are not there yet are looked for again after 1, 2, 4 … seconds, at most an hour apart.
_MISSING: Final = """
    UPDATE objects SET measure_attempts = measure_attempts + 1,
        measure_at_ms = ? + 1000 * min(3600, 1 << min(measure_attempts, 12))
    WHERE id = ? AND size IS NULL AND measure_at_ms IS NOT NULL
"""
_MEASURED: Final = "UPDATE objects SET size = ?, measure_at_ms = NULL WHERE id = ?"
# Faster than State(text), which every object of a long list would pay.
_STATES: Final = {str(state): state for state in State}


class SqliteObjects:
    """Objects by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get_many(self, object_ids: Iterable[str]) -> dict[str, MediaObject]:
        """The objects that are known, in any state."""
        ids = list(object_ids)
        if len(ids) == 1:
            return {row[0]: _object(row) for row in self._execute(_GET, ids)}
        (found,) = self._execute(_GET_MANY, (_json(ids),)).fetchone()
        return {item.id: item for item in _objects.decode(found)}

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones are due to be measured."""
        now, items = _now_ms(), list(objects)
        self._connection.executemany(
            "INSERT INTO storages (id) VALUES (?) ON CONFLICT DO NOTHING",
            ((one,) for one in {item.storage_id for item in items} - {None}),
        )
        self._connection.executemany(_ADD, (_values(item, now) for item in items))

    def register(self, object_ids: Iterable[str], flow_id: str) -> None:
        """Known objects are referenced now, first by the flow unless another was before."""
        ids = list(object_ids)
        parameters = {"now": _now_ms(), "flow": flow_id}
        if len(ids) == 1:
            self._execute(_REGISTER_ONE, parameters | {"ids": ids[0]})
        elif ids:
            self._execute(_REGISTER_MANY, parameters | {"ids": _json(ids)})

    def retire(self, object_ids: Iterable[str], state: State) -> None:
        """Known objects are not referenced any more."""
        self._execute(_RETIRE, (state, _now_ms(), _json(list(object_ids))))

    def unreferenced(self, object_ids: Iterable[str]) -> list[str]:
        """Those of the objects that no segment references."""
        rows = self._execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"
            " (SELECT 1 FROM segments s WHERE s.object_id = value)",
            (_json(list(object_ids)),),
        )
        return [object_id for (object_id,) in rows]

    def forget(self, object_ids: Iterable[str]) -> None:
        """Remove objects: nothing here needs to remember them."""
        self._connection.executemany("DELETE FROM objects WHERE id = ?", ((one,) for one in object_ids))

    def referencing_flows(self, object_id: str, after: str | None, limit: int) -> list[str]:
        """Up to `limit` ids of flows above `after` that reference the object, ascending."""
        parameters = {"object": object_id, "after": after or "", "limit": limit}
        return [flow_id for (flow_id,) in self._execute(_REFERENCING, parameters)]

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects in a state (not REGISTERED) for at least so many seconds, oldest first."""
        rows = self._execute(_IDLE, (state, _now_ms() - 1000 * seconds, limit))
        return [_object(row) for row in rows]

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Registered objects whose size is unknown and whose next attempt is due, oldest first."""
        return [_object(row) for row in self._execute(_UNMEASURED, (_now_ms(), limit))]

    def record_sizes(self, sizes: Mapping[str, int | None]) -> None:
        """Store sizes in bytes; None sets the next attempt further away."""
        now = _now_ms()
        for object_id, size in sizes.items():
            if size is None:
                self._execute(_MISSING, (now, object_id))
            else:
                self._execute(_MEASURED, (size, object_id))


def _object(row: tuple[str, str | None, str | None, str, str | None, str | None, int | None]) -> MediaObject:
    return MediaObject(row[0], row[1], row[2], _STATES[row[3]], row[4], row[5], row[6])


def _values(item: MediaObject, now: int) -> tuple[str | int | None, ...]:
    return (
        item.id, item.storage_id, item.storage_path, item.state, item.allocated_for_flow,
        item.first_referenced_by_flow, now, now, now if _is_due(item) else None,
    )  # fmt: skip


def _is_due(item: MediaObject) -> bool:
    return item.state is State.REGISTERED and item.storage_id is not None and item.size is None


def _json(ids: list[str]) -> str:
    return ENCODE(ids).decode()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
