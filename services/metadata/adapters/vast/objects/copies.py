"""The table of copies of objects."""

from collections.abc import Iterable
from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.copies import Copy, CopyState
from services.vast_client.filters.filters import And, AtMost, Equal

_TABLE: Final = "object_copies"
_STATES: Final = {str(state): state for state in CopyState}
# The columns of the projection by which idle copies are found.
_IDLE: Final = ("object_id", "storage_id", "state", "changed_ms")
# Idle copies are read in no order. This many times the limit are read, to find the oldest.
_SPARE: Final = 4


class VastCopies:
    """Copies by object and storage backend. Two changes of one object conflict in the row of the object."""

    def __init__(self, view: View) -> None:
        self._view = view

    def of_objects(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, list[Copy]]:
        """The copies of each of these objects, in any state, by object; no entry for one without copies."""
        found = self._view.lookups(_TABLE, "object_id", object_ids)
        copies = {
            object_id: sorted(filter(None, map(_copy, rows)), key=lambda copy: copy.storage_id)
            for object_id, rows in found.items()
        }
        return {object_id: list(of_object) for object_id, of_object in copies.items() if of_object}

    def put(self, copies: Iterable[Copy]) -> None:
        """Store copies, in place of those of the same objects on the same backends."""
        new = {(copy.object_id, copy.storage_id): copy for copy in copies}
        known = self._rows(new.values())
        for key, copy in new.items():
            values = {**copy._asdict(), "state": str(copy.state)}
            if rows := known.get(key):
                del values["object_id"]  # the table is sorted by it
                for row in rows:
                    self._view.update(_TABLE, row, **values)
            else:
                self._view.insert(_TABLE, **values)

    def remove(self, copies: Iterable[Copy]) -> None:
        """Remove the records of copies."""
        for rows in self._rows(copies).values():
            self._view.delete(_TABLE, rows)

    def idle(self, state: CopyState, until_ms: int, limit: int) -> list[Copy]:
        """Up to `limit` copies that have been in the state since `until_ms` or before, oldest first."""
        where = And((Equal("state", str(state)), AtMost("changed_ms", until_ms)))
        found = self._view.some(_TABLE, where, limit * _SPARE, _IDLE)
        oldest = sorted(found, key=lambda row: (row["changed_ms"], row["object_id"]))[:limit]
        copies = self.of_objects(row["object_id"] for row in oldest)
        wanted = {(row["object_id"], row["storage_id"]) for row in oldest}
        idle = [
            copy for of_object in copies.values() for copy in of_object
            if (copy.object_id, copy.storage_id) in wanted
        ]  # fmt: skip
        return sorted(idle, key=lambda copy: (copy.changed_ms, copy.object_id))

    def _rows(self, copies: Iterable[Copy]) -> dict[tuple[str, str], list[Row]]:
        """The rows of copies by object and backend."""
        wanted = {(copy.object_id, copy.storage_id) for copy in copies}
        rows: dict[tuple[str, str], list[Row]] = {}
        for found in self._view.lookups(_TABLE, "object_id", sorted({one for one, _ in wanted})).values():
            for row in found:
                if (key := (row["object_id"], row["storage_id"])) in wanted:
                    rows.setdefault(key, []).append(row)
        return rows


def _copy(row: Row) -> Copy | None:
    """The copy of a row; None if its state is unknown."""
    state = _STATES.get(row["state"])
    if state is None:
        return None
    return Copy(
        row["object_id"], row["storage_id"], row["storage_path"], state, row["created_ms"],
        row["changed_ms"], row["lease_until_ms"],
    )  # fmt: skip
