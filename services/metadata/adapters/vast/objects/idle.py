"""Pages of the objects that are in a state for some time, the oldest first."""

from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.reading.windows import Found, Keys, Span, walk
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import State
from services.vast_client.filters.filters import And, AtLeast, Below, Equal

# The columns of the projection by which idle objects are found.
IDLE_COLUMNS: Final = ("id", "state", "changed_ms")


def idle_places(
    view: View, state: State, until_ms: int, after: tuple[int, ObjectId] | None, limit: int
) -> list[tuple[int, ObjectId]]:
    """Up to `limit` objects in a state since `until_ms` or before, after a place: times in ms and ids."""
    first = after[0] if after else 0
    if first > until_ms:
        return []

    def fetch(part: Span, cap: int | None) -> Found:
        within = AtLeast("changed_ms", part.low), Below("changed_ms", part.high)
        found = view.select_up_to("objects", And((Equal("state", str(state)), *within)), IDLE_COLUMNS, cap)
        if not found.complete:
            return found
        rows = [row for row in found.rows if after is None or _place(row) > after]
        # The walk sorts by time, and keeps the order of rows of the same time.
        return Found(sorted(rows, key=_place), complete=True)

    span = Span(first, until_ms + 1)
    # Mostly few objects wait, so the first request is for all of them.
    keys = Keys(span, span, span.width / limit)
    return list(map(_place, walk(keys, limit, fetch, lambda row: _place(row)[0])))


def _place(row: Row) -> tuple[int, ObjectId]:
    return row["changed_ms"], row["id"]
