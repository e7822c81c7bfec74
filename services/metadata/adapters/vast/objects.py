"""The table of objects. Which flows reference one follows from the segments."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.view import View
from services.metadata.domain.object import MediaObject, State
from services.shared.vast.filters import And, AtMost, Equal

_STATES: Final = {str(state): state for state in State}
_REFERENCE: Final = ("flow", "object_id")
# Of objects that are due, some more than asked are read, so that the oldest can be told.
_SPARE: Final = 4


class VastObjects:
    """Objects by id. Two that were added under one id at once are one: the first row counts."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get_many(self, object_ids: Iterable[str]) -> dict[str, MediaObject]:
        """The objects that are known, in any state."""
        found = self._view.lookups("objects", "id", object_ids)
        return {object_id: _object(rows[0]) for object_id, rows in found.items() if rows}

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones are due to be measured."""
        now, items = _now_ms(), list(objects)
        for item in items:
            self._view.lock("objects", item.id)
        self._view.insert_all(
            "objects",
            (
                {
                    "id": item.id, "storage_id": item.storage_id, "storage_path": item.storage_path,
                    "size": item.size, "state": str(item.state),
                    "allocated_for_flow": item.allocated_for_flow,
                    "first_referenced_by_flow": item.first_referenced_by_flow, "created_ms": now,
                    "changed_ms": now, "measure_at_ms": now if _is_due(item) else None,
                    "measure_attempts": 0,
                }
                for item in items
            ),
        )  # fmt: skip

    def register(self, object_ids: Iterable[str], flow_id: str) -> None:
        """Known objects are referenced now, first by the flow unless another was before."""
        now = _now_ms()
        for rows in self._view.lookups("objects", "id", object_ids).values():
            for row in rows:
                due = row["size"] is None and row["storage_id"] is not None
                self._view.update(
                    "objects",
                    row,
                    state=str(State.REGISTERED),
                    first_referenced_by_flow=row["first_referenced_by_flow"] or flow_id,
                    changed_ms=now,
                    measure_at_ms=now if due else None,
                )

    def retire(self, object_ids: Iterable[str], state: State) -> None:
        """Known objects are not referenced any more."""
        now = _now_ms()
        for rows in self._view.lookups("objects", "id", object_ids).values():
            for row in rows:
                self._view.update("objects", row, state=str(state), changed_ms=now, measure_at_ms=None)

    def unreferenced(self, object_ids: Iterable[str]) -> list[str]:
        """Those of the objects that no segment references; changes that reference one now collide."""
        ids = sorted(set(object_ids))
        for rows in self._view.lookups("objects", "id", ids).values():
            for row in rows:
                self._view.update("objects", row, changed_ms=row["changed_ms"])
        found = self._view.lookups("segments", "object_id", ids, _REFERENCE)
        return [object_id for object_id, rows in found.items() if not rows]

    def forget(self, object_ids: Iterable[str]) -> None:
        """Remove objects: nothing here needs to remember them."""
        for rows in self._view.lookups("objects", "id", object_ids).values():
            self._view.delete("objects", rows)

    def referencing_flows(self, object_id: str, after: str | None, limit: int) -> list[str]:
        """Up to `limit` ids of flows above `after` that reference the object, ascending."""
        rows = self._view.lookup("segments", "object_id", object_id, _REFERENCE)
        timelines = sorted({row["flow"] for row in rows})
        found = self._view.lookups("flows", "timeline", timelines, ("id", "timeline"))
        flow_ids = sorted(row["id"] for rows in found.values() for row in rows)
        return [flow_id for flow_id in flow_ids if flow_id > (after or "")][:limit]

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects in a state other than REGISTERED for at least so long, oldest first."""
        where = And((Equal("state", str(state)), AtMost("changed_ms", _now_ms() - 1000 * seconds)))
        found = self._view.some("objects", where, limit * _SPARE)
        return [_object(row) for row in sorted(found, key=lambda row: row["changed_ms"])[:limit]]

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Registered objects whose size is unknown and whose next attempt is due, oldest first."""
        due = self._view.some("objects", AtMost("measure_at_ms", _now_ms()), limit * _SPARE)
        return [_object(row) for row in sorted(due, key=lambda row: row["measure_at_ms"])[:limit]]

    def record_sizes(self, sizes: Mapping[str, int | None]) -> None:
        """Store sizes in bytes; None sets the next attempt further away."""
        now = _now_ms()
        for object_id, rows in self._view.lookups("objects", "id", sizes).items():
            for row in rows:
                if values := _measured(row, sizes[object_id], now):
                    self._view.update("objects", row, **values)


def _measured(row: Row, size: int | None, now: int) -> dict[str, Any]:
    if size is not None:
        return {"size": size, "measure_at_ms": None}
    if row["size"] is not None or row["measure_at_ms"] is None:
        return {}
    attempts = row["measure_attempts"]
    # Bytes that are not there yet are looked for again after 1, 2, 4 … seconds, at most an hour apart.
    wait = 1000 * min(3600, 1 << min(attempts, 12))
    return {"measure_attempts": attempts + 1, "measure_at_ms": now + wait}


def _object(row: Row) -> MediaObject:
    return MediaObject(
        row["id"], row["storage_id"], row["storage_path"], _STATES[row["state"]],
        row["allocated_for_flow"], row["first_referenced_by_flow"], row["size"],
    )  # fmt: skip


def _is_due(item: MediaObject) -> bool:
    return item.state is State.REGISTERED and item.storage_id is not None and item.size is None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
