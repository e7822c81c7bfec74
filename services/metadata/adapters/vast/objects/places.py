"""Pages of the objects of a storage backend in the order of their keys, as a bucket lists them."""

from collections.abc import Sequence
from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.vast_client.filters.filters import And, AtLeast, Below, Equal

# The columns of the projection by which objects are found at a place.
PLACE_COLUMNS: Final = ("id", "storage_id", "storage_path")
_STATE_COLUMNS: Final = (*PLACE_COLUMNS, "state", "changed_ms")
# Ranges are cut until they have at most this many times the rows of the page.
_SPARE: Final = 4
_HIGHEST: Final = "\U0010ffff"


def placed_rows(
    view: View, storage_id: str, prefix: str, after: tuple[str, str], limit: int
) -> Sequence[Row]:
    """Up to `limit` rows whose path has a prefix, by path and id, that follow `after`, such a pair."""
    low, end = max(after[0], prefix), prefix + _HIGHEST
    found: list[Row] = []
    while len(found) < limit and low < end:
        rows, high = _range(view, storage_id, low, end, _SPARE * limit)
        found += sorted((row for row in rows if _place(row) > after), key=_place)
        low = high
    return _with_states(view, found[:limit])


def rows_at(view: View, storage_ids: Sequence[str], paths: Sequence[str]) -> Sequence[Row]:
    """The rows with one of the paths on one of the storage backends."""
    found = view.lookups("objects", "storage_path", sorted(set(paths)), PLACE_COLUMNS)
    rows = [row for rows in found.values() for row in rows if row["storage_id"] in storage_ids]
    return _with_states(view, rows)


def _with_states(view: View, rows: Sequence[Row]) -> Sequence[Row]:
    current = view.lookups("objects", "id", [row["id"] for row in rows], _STATE_COLUMNS)
    return [(current[row["id"]] or [row])[0] for row in rows]


def _range(view: View, storage_id: str, low: str, end: str, cap: int) -> tuple[Sequence[Row], str]:
    """All rows with paths from `low` on, up to a path that it returns too; `cap` rows at most.

    A range with more rows is cut at the median of some of them. One path alone may have more.
    """
    high = end
    while True:
        within = Equal("storage_id", storage_id), AtLeast("storage_path", low), Below("storage_path", high)
        found = view.select_up_to("objects", And(within), PLACE_COLUMNS, cap if high > low + "\0" else None)
        if found.complete:
            return found.rows, high
        paths = sorted(row["storage_path"] for row in found.rows)
        high = max(paths[len(paths) // 2], low + "\0")


def _place(row: Row) -> tuple[str, str]:
    return row["storage_path"], row["id"]
