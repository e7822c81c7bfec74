"""The table of deletion requests. Records are deleted after a day, so it stays small."""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.metadata.adapters.vast.queries import Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.flows.flow import StoredFlow
from services.vast_client.filters.filters import EVERYTHING, AtMost, Equal, Filter, IsNull, Not

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Deletion).decode
_TABLE: Final = "deletion_requests"
_LEASED: Final = ("id", "expiry_ms", "lease_owner", "lease_until_ms")
# Finished requests that `due` reads. If there are more, some may have expired that were not read.
_MAX_FINISHED: Final = 1000


class VastDeletions:
    """Deletion requests by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, deletion: Deletion) -> None:
        """Store or replace a request."""
        self._mark(deletion)
        known = self._view.row(_TABLE, "id", deletion.id)
        values: Values = {
            "status": str(deletion.status), "expiry_ms": deletion.expiry_ms, "body": _ENCODE(deletion),
        }  # fmt: skip
        if known is not None:
            self._view.update(_TABLE, known, **values)
            return
        values |= {
            "id": deletion.id, "created_ms": deletion.created_ms, "created_by": deletion.created_by,
        }  # fmt: skip
        self._view.insert(_TABLE, lease_owner="", lease_until_ms=0, **values)

    def _mark_all(self, deletions: Sequence[Deletion]) -> None:
        """Mark the flows of open requests, because an older version did not."""
        # One query reads all flows.
        self._view.lookups("flows", "id", [each.flow_id for each in deletions if not each.delete_flow])
        for deletion in deletions:
            self._mark(deletion)

    def _mark(self, deletion: Deletion) -> None:
        """Note an open request in the flow's row, which is read anyway; remove the note of a finished one."""
        flow = None if deletion.delete_flow else self._view.row("flows", "id", deletion.flow_id)
        if flow is None or flow["timeline"] != deletion.timeline:
            return
        before = (flow["deleting"] or "").split()
        after = [deletion_id for deletion_id in before if deletion_id != deletion.id]
        after += [deletion.id] if deletion.expiry_ms is None else []
        if after != before:
            self._view.update("flows", flow, deleting=" ".join(after) or None)

    def open_for(self, flow: StoredFlow) -> list[Deletion]:
        """The open requests for segments of the flow."""
        row = self._view.row("flows", "id", flow.id)
        ids = (row["deleting"] or "").split() if row is not None else []
        found = self._view.lookups(_TABLE, "id", ids) if ids else {}
        return [_DECODE(row["body"]) for rows in found.values() for row in rows]

    def under_way(self) -> list[Deletion]:
        """All open requests."""
        return [_DECODE(row["body"]) for row in self._view.select(_TABLE, IsNull("expiry_ms"))]

    def get(self, deletion_id: str) -> Deletion | None:
        """The request; None if it does not exist."""
        row = self._view.row(_TABLE, "id", deletion_id)
        return _DECODE(row["body"]) if row else None

    def latest(self, limit: int, created_by: str | None = None) -> list[Deletion]:
        """Up to `limit` requests, newest first; only those that one caller made if its name is given."""
        where: Filter = EVERYTHING if created_by is None else Equal("created_by", created_by)
        rows = sorted(self._view.select(_TABLE, where), key=lambda row: -row["created_ms"])
        return [_DECODE(row["body"]) for row in rows[:limit]]

    def due(self, owner: str, now_ms: int) -> bool:
        """True if `claim` or `expire` would find a request."""
        open_rows = self._view.standing(_TABLE, IsNull("expiry_ms"), _LEASED)
        finished = self._view.standing(_TABLE, Not(IsNull("expiry_ms")), ("id", "expiry_ms"), _MAX_FINISHED)
        return (
            any(row["lease_owner"] == owner or row["lease_until_ms"] <= now_ms for row in open_rows)
            or any(row["expiry_ms"] <= now_ms for row in finished)
            or len(finished) >= _MAX_FINISHED
        )

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest open request that is free or leased to the owner; None without such a request."""
        open_rows = self._view.select(_TABLE, IsNull("expiry_ms"))
        self._mark_all([_DECODE(row["body"]) for row in open_rows])
        waiting = [row for row in open_rows if row["lease_owner"] == owner or row["lease_until_ms"] <= now_ms]
        if not waiting:
            return None
        row = min(waiting, key=lambda row: int(row["created_ms"]))
        self._view.update(_TABLE, row, lease_owner=owner, lease_until_ms=until_ms)
        return _DECODE(row["body"])

    def expire(self, now_ms: int) -> None:
        """Delete the records that have expired."""
        self._view.delete(_TABLE, self._view.select(_TABLE, AtMost("expiry_ms", now_ms), ("id", "expiry_ms")))
