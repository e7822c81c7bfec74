"""The table of copies of objects."""

from collections.abc import Iterable
from typing import Protocol

from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.copies import Copy, CopyState


class CopyTable(Protocol):
    """Copies by object and storage backend. Who writes one writes the row of its object too."""

    def of_objects(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, list[Copy]]:
        """The copies of each of these objects, in any state, by object; no entry for one without copies."""
        ...

    def put(self, copies: Iterable[Copy]) -> None:
        """Store copies, in place of those of the same objects on the same backends."""
        ...

    def remove(self, copies: Iterable[Copy]) -> None:
        """Remove the records of copies."""
        ...

    def idle(self, state: CopyState, until_ms: int, limit: int) -> list[Copy]:
        """Up to `limit` copies that have been in the state since `until_ms` or before, oldest first.

        The state is not STORED.
        """
        ...
