"""The tables of bulk loads."""

from typing import Final

import msgspec

from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.load import Load
from services.vast_client.filters.filters import EVERYTHING, Below

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Load).decode
_NUMBERS: Final = ("load", "number")


class VastLoads:
    """Bulk loads by id, and the keys of the rows that they inserted."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, load_id: str) -> Load | None:
        """The load; None if it does not exist."""
        row = self._view.row("loads", "id", load_id)
        return _DECODE(row["body"]) if row else None

    def put(self, load: Load) -> None:
        """Store or replace a load. Two transactions that do so conflict."""
        row = self._view.row("loads", "id", load.id)
        values = {"changed_ms": load.changed_ms, "body": _ENCODE(load)}
        if row is None:
            self._view.lock("loads", load.id)
            self._view.insert("loads", id=load.id, **values)
        else:
            self._view.update("loads", row, **values)

    def latest(self, limit: int) -> list[Load]:
        """Up to `limit` loads, the last changed first. Old loads are deleted, so the table stays small."""
        rows = sorted(self._view.select("loads", EVERYTHING), key=lambda row: -int(row["changed_ms"]))
        return [_DECODE(row["body"]) for row in rows[:limit]]

    def put_keys(self, load_id: str, number: int, keys: bytes | None) -> None:
        """Store or replace the keys with the number; None deletes them."""
        rows = self._view.lookup("load_keys", "load", load_id, _NUMBERS)
        known = [row for row in rows if row["number"] == number]
        if keys is None:
            self._view.delete("load_keys", known)
        elif known:
            self._view.update("load_keys", known[0], body=keys)
        else:
            self._view.insert("load_keys", load=load_id, number=number, body=keys)

    def last_keys(self, load_id: str) -> tuple[int, bytes] | None:
        """The highest number of the load's keys, and the keys with it; None if there are no keys."""
        rows = self._view.lookup("load_keys", "load", load_id)
        if not rows:
            return None
        last = max(rows, key=lambda row: int(row["number"]))
        return last["number"], last["body"]

    def forget_keys(self, load_id: str) -> None:
        """Delete all keys of a load."""
        self._view.delete("load_keys", self._view.lookup("load_keys", "load", load_id, _NUMBERS))

    def expire(self, before_ms: int) -> None:
        """Delete the loads, with their keys, that last changed before a time in milliseconds since 1970."""
        old = self._view.select("loads", Below("changed_ms", before_ms))
        for row in old:
            self.forget_keys(row["id"])
        self._view.delete("loads", old)
