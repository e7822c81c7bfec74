"""The places of the bytes of an object: its own place and its copies, and how these change."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.metadata.application.ports import Tables
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.copies import Copy, CopyPlace, CopyState, encoded_places, places_of
from services.metadata.domain.objects.object import MediaObject
from services.shared.errors import FailedPrecondition

# A change of the places of an object writes all of its segments in one transaction.
MAX_SEGMENTS: Final = 10_000


class Copied(NamedTuple):
    """An object of this store with its copies, by the id of their backend."""

    item: MediaObject
    copies: dict[StorageId, Copy]

    @classmethod
    def of(cls, item: MediaObject, copies: Iterable[Copy]) -> "Copied":
        """The object with these copies."""
        return cls(item, {copy.storage_id: copy for copy in copies})

    def state_at(self, storage_id: str) -> CopyState | None:
        """The state of the copy on a backend; None without one."""
        known = self.copies.get(StorageId(storage_id))
        return None if known is None else known.state

    def stored_places(self) -> list[CopyPlace]:
        """The object's own place and those of its stored copies, the oldest first."""
        return [*self._own(), *places_of(self.copies.values())]

    def with_copy(self, copy: Copy) -> "Copied":
        """The object with another state of a copy."""
        return self._replace(copies={**self.copies, copy.storage_id: copy})

    def moved_to(self, copy: Copy, now_ms: int) -> "Copied":
        """The object at the place of one of its copies. Its own place is a retired copy then."""
        others = {one: other for one, other in self.copies.items() if one != copy.storage_id}
        for storage_id, path in self._own():
            others[storage_id] = Copy(self.item.id, storage_id, path, CopyState.RETIRED, now_ms, now_ms)
        item = self.item._replace(storage_id=copy.storage_id, storage_path=copy.storage_path)
        return Copied(item, others)

    def _own(self) -> Sequence[CopyPlace]:
        item = self.item
        if item.storage_id is None or item.storage_path is None:
            return ()
        return (CopyPlace(item.storage_id, item.storage_path),)


def copied_of(tables: Tables, item: MediaObject) -> Copied:
    """The object with its copies."""
    return Copied.of(item, tables.copies.of_objects([item.id]).get(item.id, ()))


def rewrite(tables: Tables, before: Copied, after: Copied) -> None:
    """Write the places of the bytes of an object: into its row, its segments, and its copies.

    FailedPrecondition TOO_MANY_SEGMENTS, before anything is written.
    """
    check_segments(tables, before.item.id)
    gone = [copy for storage_id, copy in before.copies.items() if storage_id not in after.copies]
    tables.copies.put(after.copies.values())
    tables.copies.remove(gone)
    item = after.item._replace(copies=encoded_places(places_of(after.copies.values())))
    tables.objects.place([item])
    if item != before.item:
        tables.segments.place([item])


def write_copies(tables: Tables, item: MediaObject, copies: Sequence[Copy]) -> None:
    """Write copies that clients do not get, and the row of the object, so that two changes conflict."""
    tables.copies.put(copies)
    tables.objects.place([item])


def check_segments(tables: Tables, object_id: ObjectId) -> None:
    """FailedPrecondition TOO_MANY_SEGMENTS if the places of the object cannot be written."""
    if tables.objects.count_segments([object_id])[object_id] > MAX_SEGMENTS:
        raise FailedPrecondition(
            f"more than {MAX_SEGMENTS} segments reference object {object_id[:64]!r}, so it stays where it is",
            reason="TOO_MANY_SEGMENTS",
        )
