"""The count of segments of each object, in its row. At zero, the object has lost its last reference.

Without these counts, a deletion would have to read all references of its objects. There may be a hundred
times as many references as segments to delete.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.ids import ObjectId

# The columns of objects that a deletion reads, also for filters: only these, since it reads a thousand rows.
COUNTED_COLUMNS: Final = ("id", "storage_id", "state", "changed_ms", "measure_at_ms", "segments")


def counted_objects(view: View, object_ids: Iterable[str]) -> dict[str, list[Row]]:
    """The rows of objects whose segments are deleted, by id. They have `COUNTED_COLUMNS`."""
    return view.lookups("objects", "id", sorted(set(object_ids)), COUNTED_COLUMNS, exist=True)


def count_added(view: View, counts: Mapping[ObjectId, int]) -> None:
    """Add new segments to the counts of stored objects. Conflicts with changes that release the objects."""
    for object_id, rows in view.lookups("objects", "id", sorted(counts)).items():
        for row in rows:
            old_count = row["segments"]
            new_count = None if old_count is None else old_count + counts[object_id]
            view.update("objects", row, segments=new_count)


def count_deleted(view: View, object_ids: Iterable[str]) -> None:
    """Subtract deleted segments from the counts of their objects. Conflicts with changes that use them."""
    counts = Counter(object_ids)
    for object_id, rows in counted_objects(view, counts).items():
        for row in rows:
            old_count = row["segments"]
            new_count = None if old_count is None else max(0, old_count - counts[object_id])
            view.update("objects", row, segments=new_count)
