"""Pages of sources and flows by id, with their filters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.schema import COLUMNS
from services.metadata.adapters.vast.tags import Owner, tagged
from services.metadata.adapters.vast.view import View
from services.metadata.adapters.vast.windows import ID_SPACE, Keys, Span, id_bound, id_position, walk
from services.shared.vast.filters import Above, And, AtLeast, Below, Equal, Filter
from services.shared.vast.matching import matches

# Ids are spread evenly, so this many more or fewer only makes the first range wider or narrower.
_LEAST_ROWS: Final = 100


class Listing:
    """The rows of one owner's table that pass column and tag filters."""

    def __init__(
        self,
        view: View,
        owner: Owner,
        equal: Mapping[str, Any],
        tags: Mapping[str, str],
        exists: Mapping[str, bool],
    ) -> None:
        self._view = view
        self._owner: Owner = owner
        self._table = f"{owner}s"
        self._equal = tuple(Equal(name, value) for name, value in equal.items() if value is not None)
        self._tags = tags
        self._exists = exists

    def page(
        self,
        after: str | None,
        limit: int,
        rows_in_table: int,
        more: Sequence[Filter] = (),
        keep: Callable[[list[Row]], list[Row]] = lambda rows: rows,
    ) -> list[Row]:
        """Up to `limit` rows with an id above `after`, ascending; `keep` drops what filters cannot tell."""
        start = 0 if after is None else id_position(after)
        per_row = ID_SPACE.high / max(_LEAST_ROWS, rows_in_table)

        def fetch(part: Span, cap: int | None) -> list[Row] | None:
            within = _within(part, after)
            rows = self._rows(within, (*self._equal, *more), cap)
            return None if rows is None else keep(rows)

        keys = Keys(Span(start, ID_SPACE.high), ID_SPACE, per_row)
        return walk(keys, limit, fetch, lambda row: int(UUID(row["id"])))

    def _rows(self, within: Sequence[Filter], where: Sequence[Filter], cap: int | None) -> list[Row] | None:
        columns = COLUMNS[self._table]
        if not self._tags:
            rows = self._view.select_up_to(self._table, And((*within, *where)), columns, cap)
            return rows if rows is None else self._with_tag_names(rows, within)
        ids = frozenset.intersection(
            *(tagged(self._view, self._owner, name, value, within) for name, value in self._tags.items())
        )
        found = self._view.lookups(self._table, "id", sorted(ids))
        kept = And(tuple(where))
        rows = [row for rows in found.values() for row in rows if matches(kept, row)]
        return self._with_tag_names(rows, within)

    def _with_tag_names(self, rows: list[Row], within: Sequence[Filter]) -> list[Row]:
        for name, wanted in self._exists.items():
            ids = tagged(self._view, self._owner, name, None, within) if rows else frozenset()
            rows = [row for row in rows if (row["id"] in ids) is wanted]
        return rows


def _within(part: Span, after: str | None) -> tuple[Filter, ...]:
    low: Filter = AtLeast("id", id_bound(part.low))
    if after is not None and part.low == id_position(after):
        low = Above("id", after)
    return (low, Below("id", id_bound(part.high)))
