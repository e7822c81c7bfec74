"""The tables of objects and the references to them."""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Final

from services.metadata.domain.object import MediaObject, State

_COLUMNS: Final = (
    "o.id, storages.id, o.storage_path, o.state, o.allocated_for_flow, o.first_referenced_by_flow, o.size"
)
_FROM: Final = "objects o LEFT JOIN storages ON storages.row = o.storage"
_GET: Final = f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.id = ?"
_GET_MANY: Final = f"SELECT {_COLUMNS} FROM {_FROM} WHERE o.id IN (SELECT value FROM json_each(?))"
_UNMEASURED: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM} WHERE o.measure_at_ms <= ? ORDER BY o.measure_at_ms LIMIT ?
"""
_PUT: Final = """
    INSERT INTO objects (id, storage, storage_path, state, allocated_for_flow,
        first_referenced_by_flow, created_ms, changed_ms, measure_at_ms)
    VALUES (?, (SELECT row FROM storages WHERE id = ?), ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, changed_ms = excluded.changed_ms,
        first_referenced_by_flow = excluded.first_referenced_by_flow,
        measure_at_ms = CASE WHEN size IS NULL THEN excluded.measure_at_ms END
"""
_REFER: Final = """
    INSERT INTO object_references (object_id, flow_id, count) VALUES (?, ?, ?)
    ON CONFLICT (object_id, flow_id) DO UPDATE SET count = count + excluded.count
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
    """Objects by id, and how many segments of which flow reference each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def get_many(self, object_ids: Iterable[str]) -> dict[str, MediaObject]:
        """The objects that are known, in any state."""
        ids = list(object_ids)
        alone = len(ids) == 1
        rows = self._execute(_GET, ids) if alone else self._execute(_GET_MANY, (json.dumps(ids),))
        return {row[0]: _object(row) for row in rows}

    def put(self, objects: Iterable[MediaObject]) -> None:
        """Store the objects in place of what was there. Newly registered ones are due to be measured."""
        now, items = _now_ms(), list(objects)
        self._ensure_storages({item.storage_id for item in items} - {None})
        self._connection.executemany(_PUT, (_values(item, now) for item in items))

    def _ensure_storages(self, storage_ids: Iterable[str | None]) -> None:
        self._connection.executemany(
            "INSERT INTO storages (id) VALUES (?) ON CONFLICT DO NOTHING", ((one,) for one in storage_ids)
        )

    def add_references(self, flow_id: str, counts: Mapping[str, int]) -> None:
        """Add to (or with negative counts, take from) the references that a flow's segments hold."""
        self._connection.executemany(
            _REFER, ((object_id, flow_id, count) for object_id, count in counts.items())
        )
        if any(count < 0 for count in counts.values()):
            self._connection.executemany(
                "DELETE FROM object_references WHERE object_id = ? AND flow_id = ? AND count <= 0",
                ((object_id, flow_id) for object_id in counts),
            )

    def unreferenced(self, object_ids: Iterable[str]) -> list[str]:
        """Those of the objects that no flow references."""
        rows = self._execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS"
            " (SELECT 1 FROM object_references r WHERE r.object_id = value)",
            (json.dumps(list(object_ids)),),
        )
        return [object_id for (object_id,) in rows]

    def forget(self, object_ids: Iterable[str]) -> None:
        """Remove objects: nothing here needs to remember them."""
        self._connection.executemany("DELETE FROM objects WHERE id = ?", ((one,) for one in object_ids))

    def referencing_flows(self, object_id: str, after: str | None, limit: int) -> list[str]:
        """Up to `limit` ids of flows above `after` that reference the object, ascending."""
        rows = self._execute(
            "SELECT flow_id FROM object_references WHERE object_id = ? AND flow_id > ?"
            " ORDER BY flow_id LIMIT ?",
            (object_id, after or "", limit),
        )
        return [flow_id for (flow_id,) in rows]

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
    due = item.state is State.REGISTERED and item.storage_id is not None and item.size is None
    return (
        item.id, item.storage_id, item.storage_path, item.state, item.allocated_for_flow,
        item.first_referenced_by_flow, now, now, now if due else None,
    )  # fmt: skip


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
