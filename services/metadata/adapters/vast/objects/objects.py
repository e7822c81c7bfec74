"""The table of objects. The segments show which flows reference an object."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from services.metadata.adapters.vast.classes import having_classes
from services.metadata.adapters.vast.objects.counting import counted_objects
from services.metadata.adapters.vast.objects.idle import IDLE_COLUMNS, idle_places
from services.metadata.adapters.vast.objects.places import objects_at, placed_objects
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.ids import FlowId, ObjectId
from services.metadata.domain.objects.object import IdleObject, MediaObject, PlacedObject, State
from services.vast_client.filters.filters import And, AtMost, Equal, IsNull, Not

_STATES: Final = {str(state): state for state in State}
_REFERENCE: Final = ("flow", "object_id")
# Due objects are read in no order. This many times the limit are read, to find the oldest.
_SPARE: Final = 4
# The columns of the projection by which due objects are found.
_MEASURED: Final = ("id", "measure_at_ms")


class VastObjects:
    """Objects by id. If an id has several rows, the first one is used."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get_many(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, MediaObject]:
        """The stored objects, in any state, by id."""
        found = self._view.lookups("objects", "id", object_ids)
        return {object_id: _object(rows[0]) for object_id, rows in found.items() if rows}

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones become due for measuring."""
        add_objects(self._view, list(objects), {})

    def register(self, object_ids: Iterable[str], flow_id: str) -> None:
        """Set stored objects to REGISTERED. The flow is their first, unless another flow was before."""
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
        """Set stored objects to UNREFERENCED or RECLAIMED."""
        for rows in self._view.lookups("objects", "id", object_ids).values():
            self._retire(rows, state)

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of stored objects and of their copies."""
        items = {item.id: item for item in objects}
        for object_id, rows in self._view.lookups("objects", "id", items).items():
            for row in rows:
                self._view.update("objects", row, **place_values(items[object_id]))

    def count_segments(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """The number of segments that reference each of these objects."""
        counted = {
            object_id: rows[0]["segments"] if rows else 0
            for object_id, rows in self._view.lookups("objects", "id", object_ids).items()
        }
        uncounted = [object_id for object_id, count in counted.items() if count is None]
        found = self._view.lookups("segments", "object_id", uncounted, _REFERENCE)
        return counted | {object_id: len(rows) for object_id, rows in found.items()}

    def release(self, object_ids: Iterable[str]) -> None:
        """Set objects without segments to UNREFERENCED, or remove those outside this store.

        Their count of segments decides. References are looked up only for objects without a count.
        """
        objects = counted_objects(self._view, object_ids)
        uncounted = [one for one, rows in objects.items() if any(row["segments"] is None for row in rows)]
        used = self._view.lookups("segments", "object_id", uncounted, _REFERENCE)
        for object_id, rows in objects.items():
            if references := used.get(object_id):
                self._count(rows, len(references))
            elif object_id not in used and any(row["segments"] for row in rows):
                continue
            elif rows and rows[0]["storage_id"] is None:
                self._view.delete("objects", rows)
            else:
                self._retire(rows, State.UNREFERENCED)

    def _retire(self, rows: Iterable[Row], state: State) -> None:
        now = _now_ms()
        for row in rows:
            self._view.update(
                "objects", row, state=str(state), changed_ms=now, measure_at_ms=None, segments=0
            )

    def _count(self, rows: Iterable[Row], references: int) -> None:
        for row in rows:
            self._view.update("objects", row, segments=references)

    def _touch(self, rows: Iterable[Row]) -> None:
        """Write the rows unchanged, to conflict with transactions that reference the objects."""
        for row in rows:
            self._view.update("objects", row, changed_ms=row["changed_ms"])

    def unreferenced(self, object_ids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects, among these, that no segment references. Transactions that reference one conflict."""
        ids = sorted(set(object_ids))
        for rows in self._view.lookups("objects", "id", ids).values():
            self._touch(rows)
        found = self._view.lookups("segments", "object_id", ids, _REFERENCE)
        return [object_id for object_id, rows in found.items() if not rows]

    def forget(self, object_ids: Iterable[str]) -> None:
        """Remove the records of objects, with their accesses."""
        ids = list(object_ids)
        for rows in self._view.lookups("objects", "id", ids).values():
            self._view.delete("objects", rows)
        for rows in self._view.lookups("object_accesses", "object_id", ids).values():
            self._view.delete("object_accesses", rows)

    def referencing_flows(
        self, object_id: str, after: str | None, limit: int, classes: Classes | None = None
    ) -> list[FlowId]:
        """Up to `limit` ids above `after` of flows that reference the object, ascending."""
        rows = self._view.lookup("segments", "object_id", object_id, _REFERENCE)
        timelines = sorted({row["flow"] for row in rows})
        found = self._view.lookups("flows", "timeline", timelines, ("id", "timeline"))
        flow_ids = sorted(row["id"] for rows in found.values() for row in rows)
        later = [flow_id for flow_id in flow_ids if flow_id > (after or "")]
        if classes is None:
            return later[:limit]
        seen = having_classes(self._view, "flow-class", later, classes)
        return [flow_id for flow_id in later if flow_id in seen][:limit]

    def referenced(self, object_ids: Iterable[ObjectId], classes: Classes) -> frozenset[ObjectId]:
        """The objects, among these, that a flow with one of the classes references."""
        found = self._view.lookups("segments", "object_id", object_ids, _REFERENCE)
        timelines = {one: {row["flow"] for row in rows} for one, rows in found.items()}
        flows = self._view.lookups(
            "flows", "timeline", sorted(frozenset().union(*timelines.values())), ("id", "timeline")
        )
        ids = {timeline: row["id"] for timeline, rows in flows.items() for row in rows}
        seen = having_classes(self._view, "flow-class", ids.values(), classes)
        return frozenset(
            one for one, used in timelines.items() if any(ids.get(timeline) in seen for timeline in used)
        )

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects that have been in the state for at least `seconds`, oldest first."""
        where = And((Equal("state", str(state)), AtMost("changed_ms", _now_ms() - 1000 * seconds)))
        found = self._view.some("objects", where, limit * _SPARE, IDLE_COLUMNS)
        ids = [row["id"] for row in sorted(found, key=lambda row: row["changed_ms"])[:limit]]
        return list(self.get_many(ids).values())

    def idle_page(
        self, state: State, seconds: int, after: tuple[int, ObjectId] | None, limit: int
    ) -> list[IdleObject]:
        """Up to `limit` objects of `idle` after a place in their order."""
        until_ms = _now_ms() - 1000 * seconds
        since = {one: since_ms for since_ms, one in idle_places(self._view, state, until_ms, after, limit)}
        items = self.get_many(since)
        used = self._view.lookups("segments", "object_id", since, _REFERENCE)
        return [IdleObject(items[one], since[one], bool(used[one])) for one in since if one in items]

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Up to `limit` registered objects that are due for measuring, oldest first."""
        now, cap = _now_ms(), limit * _SPARE
        waiting = self._view.standing("objects", Not(IsNull("measure_at_ms")), _MEASURED, cap)
        due = [row for row in waiting if row["measure_at_ms"] <= now]
        if len(waiting) >= cap and len(due) < limit:  # rows that were not read may be due
            due = self._view.some("objects", AtMost("measure_at_ms", now), cap, _MEASURED)
        ids = [row["id"] for row in sorted(due, key=lambda row: row["measure_at_ms"])[:limit]]
        return list(self.get_many(ids).values())

    def placed(self, storage_id: str, prefix: str, after: tuple[str, str], limit: int) -> list[PlacedObject]:
        """Up to `limit` objects and copies of a backend whose path has a prefix, in the order of bytes."""
        return placed_objects(self._view, storage_id, prefix, after, limit)

    def at(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects and copies with one of the paths on one of the storage backends."""
        return objects_at(self._view, storage_ids, paths)

    def record_sizes(self, sizes: Mapping[ObjectId, int | None], etags: Mapping[ObjectId, str]) -> None:
        """Store sizes in bytes and known ETags, by object id. The size None postpones the next attempt."""
        now = _now_ms()
        for object_id, rows in self._view.lookups("objects", "id", sizes).items():
            for row in rows:
                if values := _measured(row, sizes[object_id], etags.get(object_id), now):
                    self._view.update("objects", row, **values)


def add_objects(view: View, objects: Sequence[MediaObject], segments: Mapping[ObjectId, int]) -> None:
    """Store new objects, with the numbers of their segments. Registered ones become due for measuring."""
    now = _now_ms()
    view.lock_all("objects", (item.id for item in objects))
    view.insert_all(
        "objects",
        (
            {
                "id": item.id, "storage_id": item.storage_id, "storage_path": item.storage_path,
                "size": item.size, "state": str(item.state), "allocated_for_flow": item.allocated_for_flow,
                "first_referenced_by_flow": item.first_referenced_by_flow, "created_ms": now,
                "changed_ms": now, "measure_at_ms": now if _is_due(item) else None, "measure_attempts": 0,
                "segments": segments.get(item.id, 0), "copies": item.copies,
            }
            for item in objects
        ),
    )  # fmt: skip


def place_values(item: MediaObject) -> Values:
    """The columns of objects and segments that say where the bytes of an object are."""
    return {"storage_id": item.storage_id, "storage_path": item.storage_path, "copies": item.copies}


def _measured(row: Row, size: int | None, etag: str | None, now: int) -> Values:
    if size is not None:
        return {"size": size, "etag": etag or row["etag"], "measure_at_ms": None}
    if row["size"] is not None or row["measure_at_ms"] is None:
        return {}
    attempts = row["measure_attempts"]
    # Missing bytes are due again after 1, 2, 4 … seconds, up to an hour.
    wait = 1000 * min(3600, 1 << min(attempts, 12))
    return {"measure_attempts": attempts + 1, "measure_at_ms": now + wait}


def _object(row: Row) -> MediaObject:
    return MediaObject(
        row["id"], row["storage_id"], row["storage_path"], _STATES[row["state"]],
        row["allocated_for_flow"], row["first_referenced_by_flow"], row["size"], row["copies"],
    )  # fmt: skip


def _is_due(item: MediaObject) -> bool:
    return item.state is State.REGISTERED and item.storage_id is not None and item.size is None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
