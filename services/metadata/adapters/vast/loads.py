"""The tables of bulk loads."""

from typing import Final

import msgspec

from services.metadata.adapters.vast.view import View
from services.metadata.domain.load import Load
from services.shared.vast.filters import Below

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Load).decode
_NUMBERS: Final = ("load", "number")


class VastLoads:
    """Bulk loads by id, and the keys of what they inserted."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, load_id: str) -> Load | None:
        """One load."""
        row = self._view.one("loads", "id", load_id)
        return _DECODE(row["body"]) if row else None

    def put(self, load: Load) -> None:
        """Store a load in place of what was there; two that do so collide."""
        row = self._view.one("loads", "id", load.id)
        values = {"changed_ms": load.changed_ms, "body": _ENCODE(load)}
        if row is None:
            self._view.lock("loads", load.id)
            self._view.insert("loads", id=load.id, **values)
        else:
            self._view.update("loads", row, **values)

    def put_keys(self, load_id: str, number: int, keys: bytes | None) -> None:
        """Store keys under a number in place of what was there; None removes them."""
        rows = self._view.lookup("load_keys", "load", load_id, _NUMBERS)
        known = [row for row in rows if row["number"] == number]
        if keys is None:
            self._view.delete("load_keys", known)
        elif known:
            self._view.update("load_keys", known[0], body=keys)
        else:
            self._view.insert("load_keys", load=load_id, number=number, body=keys)

    def last_keys(self, load_id: str) -> tuple[int, bytes] | None:
        """The keys with the highest number."""
        rows = self._view.lookup("load_keys", "load", load_id)
        if not rows:
            return None
        last = max(rows, key=lambda row: int(row["number"]))
        return last["number"], last["body"]

    def forget_keys(self, load_id: str) -> None:
        """Remove all keys of a load."""
        self._view.delete("load_keys", self._view.lookup("load_keys", "load", load_id, _NUMBERS))

    def expire(self, before_ms: int) -> None:
        """Remove loads that have not changed since."""
        old = self._view.select("loads", Below("changed_ms", before_ms))
        for row in old:
            self.forget_keys(row["id"])
        self._view.delete("loads", old)
