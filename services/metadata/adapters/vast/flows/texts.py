"""Labels and values of tags that begin with a prefix."""

from collections.abc import Collection, Sequence
from typing import Final

from services.metadata.adapters.vast.classes import classed
from services.metadata.adapters.vast.flows.tags import CLASS_OWNERS, Owner
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.documents.text_digest import prefix_end
from services.vast_client.filters.filters import And, AtLeast, AtMost, Below, Equal, Filter, In, Not

# Ids in one filter.
_FEW_IDS: Final = 1024


def text_with_prefix(
    view: View,
    owner: Owner,
    tag: str | None,
    prefix: str,
    excluded: Sequence[str],
    *,
    classes: Collection[str] | None,
) -> str | None:
    """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones.

    With classes, only the texts of what has one of them.
    """
    column = "label" if tag is None else "value"
    where: list[Filter] = [] if tag is None else [Equal("owner", owner), Equal("name", tag)]
    where.append(AtLeast(column, prefix))
    if (end := prefix_end(prefix)) is not None:
        where.append(Below(column, end))
    if excluded:
        where.append(Not(In(column, tuple(excluded))))
    table, columns = (f"{owner}s", ("label",)) if tag is None else ("tags", ("owner", "name", "value"))
    if classes is None:
        rows = view.some(table, And(tuple(where)), 1, columns)
    else:
        rows = _rows_of_classes(
            view, classed(CLASS_OWNERS[owner], classes), table, And(tuple(where)), columns
        )
    return rows[0][column] if rows else None


def _rows_of_classes(
    view: View, having: Filter, table: str, where: Filter, columns: tuple[str, ...]
) -> list[Row]:
    """The rows that pass a filter, of what has a class: if that is little, its ids lead to the rows."""
    few = view.select_up_to("tags", having, ("id",), _FEW_IDS)
    if few.complete:
        ids = tuple(sorted({row["id"] for row in few.rows}))
        return view.select(table, And((where, In("id", ids))), (*columns, "id")) if ids else []
    rows = view.select(table, where, (*columns, "id"))
    found = {row["id"] for row in view.select("tags", And((having, _among(rows))), ("id",))} if rows else ()
    return [row for row in rows if row["id"] in found]


def _among(rows: Sequence[Row]) -> Filter:
    """A filter for the ids of rows, or for the span of these ids if there are many."""
    ids = sorted({row["id"] for row in rows})
    return (
        In("id", tuple(ids)) if len(ids) <= _FEW_IDS else And((AtLeast("id", ids[0]), AtMost("id", ids[-1])))
    )
