"""The table of deletion requests. Their records go after a day, so it stays small."""

from typing import Any, Final

import msgspec

from services.metadata.adapters.vast.view import View
from services.metadata.domain.deletion import Deletion
from services.shared.vast.filters import EVERYTHING, AtMost, IsNull

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Deletion).decode
_TABLE: Final = "deletion_requests"


class VastDeletions:
    """Deletion requests by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, deletion: Deletion) -> None:
        """Store a request in place of what was there."""
        known = self._view.one(_TABLE, "id", deletion.id)
        values: dict[str, Any] = {
            "status": str(deletion.status), "expiry_ms": deletion.expiry_ms, "body": _ENCODE(deletion),
        }  # fmt: skip
        if known is not None:
            self._view.update(_TABLE, known, **values)
            return
        values |= {"id": deletion.id, "created_ms": deletion.created_ms}
        self._view.insert(_TABLE, lease_owner="", lease_until_ms=0, **values)

    def get(self, deletion_id: str) -> Deletion | None:
        """One request."""
        row = self._view.one(_TABLE, "id", deletion_id)
        return _DECODE(row["body"]) if row else None

    def latest(self, limit: int) -> list[Deletion]:
        """Up to `limit` requests, newest first."""
        rows = sorted(self._view.select(_TABLE, EVERYTHING), key=lambda row: -row["created_ms"])
        return [_DECODE(row["body"]) for row in rows[:limit]]

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest unfinished request that nobody works on, or that the owner already has."""
        waiting = [
            row
            for row in self._view.select(_TABLE, IsNull("expiry_ms"))
            if row["lease_owner"] == owner or row["lease_until_ms"] <= now_ms
        ]
        if not waiting:
            return None
        row = min(waiting, key=lambda row: int(row["created_ms"]))
        self._view.update(_TABLE, row, lease_owner=owner, lease_until_ms=until_ms)
        return _DECODE(row["body"])

    def expire(self, now_ms: int) -> None:
        """Remove the records whose time has come."""
        self._view.delete(_TABLE, self._view.select(_TABLE, AtMost("expiry_ms", now_ms), ("id", "expiry_ms")))
