"""Pages of the sources or flows that pass a filter, by id."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from services.metadata.adapters.vast.classes import classed
from services.metadata.adapters.vast.flows.tags import CLASS_OWNERS, Owner, tagged
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.reading.windows import (
    ID_SPACE,
    Found,
    Keys,
    Span,
    id_bound,
    id_position,
    walk,
)
from services.metadata.adapters.vast.schema import COLUMNS
from services.vast_client.filters.filters import (
    Above,
    And,
    AtLeast,
    Below,
    Equal,
    Filter,
    In,
    Scalar,
)
from services.vast_client.filters.matching import matches

# The least rows to assume in a table. Ids are spread evenly, so it only affects the first range of ids.
_LEAST_ROWS: Final = 100
# The ids that are read from an index at once: usually, and if further filters will drop most of them.
_FEW_IDS: Final = 1024
_MANY_IDS: Final = 8192
# The ids that are read at once are at least those of this many pages.
_PAGES: Final = 8
Keep: TypeAlias = Callable[[list[Row]], list[Row]]
# Columns with a projection that leads to the ids.
_INDEXED: Final = frozenset({"label", "source_id"})


class Listing:
    """The sources or flows that pass filters on columns and tags.

    Usually few rows have a certain label, source or tag. So their ids are read from an index first. That does
    not depend on the size of the table.
    """

    def __init__(
        self,
        view: View,
        owner: Owner,
        equal: Mapping[str, Scalar | None],
        tags: Mapping[str, str],
        exists: Mapping[str, bool],
        *,
        classes: Collection[str] | None = None,
    ) -> None:
        """With classes, only the rows of what has one of them."""
        self._view = view
        self._table = f"{owner}s"
        self._equal = tuple(Equal(name, value) for name, value in equal.items() if value is not None)
        present = [(name, None) for name, must_exist in exists.items() if must_exist and name not in tags]
        self._tagged = [tagged(owner, name, value) for name, value in (*tags.items(), *present)]
        if classes is not None:
            self._tagged.append(classed(CLASS_OWNERS[owner], classes))
        self._absent = [tagged(owner, name, None) for name, must_exist in exists.items() if not must_exist]
        columns = [_Index(self._table, where) for where in self._equal if where.column in _INDEXED]
        self._indexes = [*(_Index("tags", where) for where in self._tagged), *columns]

    def page(
        self,
        after: str | None,
        limit: int,
        rows_in_table: Callable[[], int],
        more: Sequence[Filter] = (),
        keep: Keep | None = None,
    ) -> list[Row]:
        """Up to `limit` rows with an id above `after`, ascending by id.

        They also pass the filters `more`, and `keep`, for conditions that no filter expresses.
        """
        whole = Span(0 if after is None else id_position(after), ID_SPACE.high)
        rest = _RowFilter((*self._equal, *more), keep, limit)
        cap = _MANY_IDS if len(self._tagged) > 1 or self._absent or rest.where[1:] or keep else _FEW_IDS
        for index in self._indexes:
            ids = self._ids(index, _within(whole, after), max(_FEW_IDS, _PAGES * limit))
            if ids.complete:
                return sorted(self._rows_of(ids, index, rest), key=_position)[:limit]
        per_row = ID_SPACE.high / max(_LEAST_ROWS, rows_in_table())

        def fetch(part: Span, cap: int | None) -> Found:
            within = _within(part, after)
            if not self._indexes:
                return self._rows(within, rest, cap)
            ids = self._ids(self._indexes[0], within, cap)
            return Found(self._rows_of(ids, self._indexes[0], rest, within), True) if ids.complete else ids

        if not self._indexes:
            thinned = bool(self._absent or keep)
            return walk(Keys(whole, ID_SPACE, per_row), limit, fetch, _position, thinned=thinned)
        # Ids are small, so a range may have more of them than a page. Then fewer ranges are read.
        keys = Keys(whole, ID_SPACE, per_row * _PAGES / 2)
        return walk(keys, limit, fetch, _position, thinned=cap == _MANY_IDS, cap=max(cap, _PAGES * limit))

    def _rows(self, within: Sequence[Filter], rest: "_RowFilter", cap: int | None) -> Found:
        where = And((*within, *rest.where))
        answer = self._view.select_up_to(self._table, where, COLUMNS[self._table], cap)
        if not answer.complete:
            return answer
        rows = self._without_absent(list(answer.rows))
        return Found(rest.keep(rows) if rest.keep else rows, complete=True)

    def _ids(self, index: "_Index", within: Sequence[Filter], cap: int | None) -> Found:
        return self._view.select_up_to(index.table, And((*within, index.where)), ("id",), cap)

    def _rows_of(
        self, found: Found, index: "_Index", rest: "_RowFilter", within: Sequence[Filter] | None = None
    ) -> list[Row]:
        """The rows with the ids from an index that pass all filters, as many as the page needs."""
        ids = {row["id"] for row in found.rows}
        for tag in self._tagged:
            if tag != index.where and ids:
                ids &= self._having(tag, ids, within)
        rows: list[Row] = []
        ordered, step = sorted(ids), rest.limit if len(self._equal) <= 1 else 2 * rest.limit
        for start in range(0, len(ordered), step):
            # The index shows the present rows, so they are not read from the cache.
            looked_up = self._view.current_rows(self._table, "id", ordered[start : start + step]).values()
            passing = [row for found_rows in looked_up for row in found_rows if matches(And(rest.where), row)]
            passing = self._without_absent(passing)
            rows += rest.keep(passing) if rest.keep else passing
            if len(rows) >= rest.limit:
                break
        return rows

    def _without_absent(self, rows: list[Row]) -> list[Row]:
        for tag in self._absent:
            having = self._having(tag, {row["id"] for row in rows}) if rows else set()
            rows = [row for row in rows if row["id"] not in having]
        return rows

    def _having(self, tag: Filter, ids: Set[str], within: Sequence[Filter] | None = None) -> set[str]:
        """The ids, among these, that have a tag. For many ids, all ids with the tag in the range are read."""
        among = (In("id", tuple(sorted(ids))),) if within is None or len(ids) <= _FEW_IDS else within
        return {row["id"] for row in self._view.select("tags", And((tag, *among)), ("id",))} & set(ids)


class _Index(NamedTuple):
    """A filter, and the table in which it selects ids."""

    table: str
    where: Filter


class _RowFilter(NamedTuple):
    """The filters on rows that were read, and the number of rows that the page needs."""

    where: tuple[Filter, ...]
    keep: Keep | None
    limit: int


def _position(row: Row) -> int:
    return int(UUID(row["id"]))


def _within(part: Span, after: str | None) -> tuple[Filter, ...]:
    low: Filter = AtLeast("id", id_bound(part.low))
    if after is not None and part.low == id_position(after):
        low = Above("id", after)
    return (low, Below("id", id_bound(part.high)))
