"""The classes of sources, flows and entries of the trash, in rows of the table of tags.

These rows have owners of their own. The name of a row is the class, its value is empty.
"""

from collections.abc import Collection, Iterable
from typing import Final, Literal, TypeAlias

from services.metadata.adapters.vast.reading.view import View
from services.vast_client.filters.filters import And, Equal, Filter, In

ClassOwner: TypeAlias = Literal["source-class", "flow-class", "trash-class"]

# Ids in one query.
_IDS_PER_READ: Final = 1000


def add_classes(view: View, owner: ClassOwner, owner_id: str, classes: Iterable[str]) -> None:
    """Insert classes that the source, flow or entry does not have."""
    rows = ({"owner": owner, "id": owner_id, "name": name, "value": ""} for name in sorted(classes))
    view.insert_all("tags", rows)


def clear_classes(view: View, owner: ClassOwner, owner_id: str) -> None:
    """Delete all classes of a source, flow or entry."""
    view.delete("tags", view.select("tags", And((Equal("owner", owner), Equal("id", owner_id)))))


def classed(owner: ClassOwner, classes: Collection[str]) -> Filter:
    """A filter for the rows of classes."""
    return And((Equal("owner", owner), In("name", tuple(sorted(classes))), Equal("value", "")))


def having_classes(
    view: View, owner: ClassOwner, ids: Iterable[str], classes: Collection[str]
) -> frozenset[str]:
    """The ids, among these, that have one of the classes."""
    wanted = sorted(set(ids))
    return frozenset(
        row["id"]
        for start in range(0, len(wanted) if classes else 0, _IDS_PER_READ)
        for row in view.select(
            "tags", And((classed(owner, classes), In("id", tuple(wanted[start : start + _IDS_PER_READ]))))
        )
    )
