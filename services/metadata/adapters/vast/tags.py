"""Tags of sources and flows, one row each."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from services.metadata.adapters.vast.view import View
from services.shared.vast.filters import And, Equal, Filter

Owner: TypeAlias = Literal["source", "flow"]


def put_tags(view: View, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> None:
    """Store all tags of a source or flow in place of what was there."""
    rows = view.select("tags", And((Equal("owner", owner), Equal("id", owner_id))))
    view.delete("tags", [row for row in rows if tags.get(row["name"]) != row["value"]])
    before = {row["name"]: row["value"] for row in rows}
    for name, value in tags.items():
        if before.get(name) != value:
            view.insert("tags", owner=owner, id=owner_id, name=name, value=value)


def add_tags(view: View, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> None:
    """Store the tags of a source or flow that is new."""
    for name, value in tags.items():
        view.insert("tags", owner=owner, id=owner_id, name=name, value=value)


def tagged(
    view: View, owner: Owner, name: str, value: str | None, within: Sequence[Filter]
) -> frozenset[str]:
    """The ids, of those in a range, that have a tag; with this value, unless it is None."""
    wanted = [] if value is None else [Equal("value", value)]
    where = And((Equal("owner", owner), Equal("name", name), *wanted, *within))
    return frozenset(row["id"] for row in view.select("tags", where, ("id", "owner", "name", "value")))
