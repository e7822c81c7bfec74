"""Pages of the objects and copies of a storage backend in the order of their keys, as a bucket lists them."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.copies import CopyState
from services.metadata.domain.objects.object import PlacedObject, State
from services.vast_client.filters.filters import And, AtLeast, Below, Equal

# The tables of places, and their columns with ids of objects.
_TABLES: Final = {"objects": "id", "object_copies": "object_id"}
# Ranges are cut until they have at most this many times the rows of the page.
_SPARE: Final = 4
_HIGHEST: Final = "\U0010ffff"


class _Found(NamedTuple):
    """A place as a row has it, in the order of pages."""

    storage_path: str
    object_id: str
    storage_id: str
    table: str


def placed_objects(
    view: View, storage_id: str, prefix: str, after: tuple[str, str], limit: int
) -> list[PlacedObject]:
    """Up to `limit` objects and copies whose path has a prefix, by path and id, that follow `after`."""
    pages = [_Listing(view, table, storage_id).page(prefix, after, limit) for table in _TABLES]
    found = sorted(one for page in pages for one in page)
    return _with_states(view, found[:limit])


def objects_at(view: View, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
    """The objects and copies with one of the paths on one of the storage backends."""
    return _with_states(view, [one for one in found_at(view, paths) if one.storage_id in storage_ids])


def found_at(view: View, paths: Iterable[str]) -> list[_Found]:
    """The places of objects and copies with one of the paths, on any backend."""
    in_order, found = sorted(set(paths)), []
    for table in _TABLES:
        for rows in view.lookups(table, "storage_path", in_order, _columns(table)).values():
            found += _places(table, rows)
    return found


class _Listing(NamedTuple):
    """The rows of one of the tables on a backend."""

    view: View
    table: str
    storage_id: str

    def page(self, prefix: str, after: tuple[str, str], limit: int) -> list[_Found]:
        """Up to `limit` places whose path has a prefix, in order, that follow `after`."""
        low, end = max(after[0], prefix), prefix + _HIGHEST
        found: list[_Found] = []
        while len(found) < limit and low < end:
            rows, high = self._range(low, end, _SPARE * limit)
            found += sorted(one for one in _places(self.table, rows) if one[:2] > after)
            low = high
        return found[:limit]

    def _range(self, low: str, end: str, cap: int) -> tuple[Sequence[Row], str]:
        """All rows with paths from `low` on, up to a path that it returns too; `cap` rows at most.

        A range with more rows is cut at the median of some of them. One path alone may have more.
        """
        columns, high = _columns(self.table), end
        on_backend = Equal("storage_id", self.storage_id)
        while True:
            within = And((on_backend, AtLeast("storage_path", low), Below("storage_path", high)))
            found = self.view.select_up_to(self.table, within, columns, cap if high > low + "\0" else None)
            if found.complete:
                return found.rows, high
            paths = sorted(row["storage_path"] for row in found.rows)
            high = max(paths[len(paths) // 2], low + "\0")


def _columns(table: str) -> tuple[str, ...]:
    """The columns of the projection by which places are found."""
    return _TABLES[table], "storage_id", "storage_path"


def _places(table: str, rows: Iterable[Row]) -> list[_Found]:
    return [_Found(row["storage_path"], row[_TABLES[table]], row["storage_id"], table) for row in rows]


def _with_states(view: View, found: Sequence[_Found]) -> list[PlacedObject]:
    objects = view.lookups("objects", "id", [one.object_id for one in found], ("id", "state", "changed_ms"))
    copied = [one.object_id for one in found if one.table == "object_copies"]
    columns = ("object_id", "storage_id", "state", "changed_ms")
    copies = {
        (row["object_id"], row["storage_id"]): row
        for rows in view.lookups("object_copies", "object_id", copied, columns).values() for row in rows
    }  # fmt: skip
    return [
        _placed(one, (objects[one.object_id] or [{}])[0], copies.get((one.object_id, one.storage_id)))
        for one in found
    ]


def _placed(found: _Found, item: Row, copy: Row | None) -> PlacedObject:
    is_registered = item.get("state") == State.REGISTERED
    changed_ms: int = item.get("changed_ms", 0)
    if found.table == "object_copies":
        row = copy or {}
        # Copies of a deleted object stay stored until their bytes are gone.
        is_registered = is_registered and row.get("state") == CopyState.STORED
        changed_ms = max(changed_ms, row.get("changed_ms", 0))
    return PlacedObject(ObjectId(found.object_id), found.storage_path, is_registered, changed_ms)
