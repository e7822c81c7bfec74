"""The table of tags of sources and flows, a row for each tag."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.documents.tags import TagChanges
from services.vast_client.filters.filters import And, Equal, Filter, In

Owner: TypeAlias = Literal["source", "flow"]

# Characters of values that a query may contain.
_MAX_CHARACTERS: Final = 4096


class _Tagged(msgspec.Struct):
    tags: dict[str, str] = {}


_DECODE: Final = msgspec.json.Decoder(_Tagged).decode


def put_tags(view: View, owner: Owner, owner_id: str, changes: TagChanges) -> None:
    """Change the tags of a source or flow. Only removed or changed tags are read."""
    if changes.before:
        view.delete("tags", view.select("tags", _by_sort_key(owner, owner_id, changes.before)))
    add_tags(view, owner, owner_id, changes.set)


def add_tags(view: View, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> None:
    """Insert tags that the source or flow does not have."""
    view.insert_all(
        "tags",
        ({"owner": owner, "id": owner_id, "name": name, "value": value} for name, value in tags.items()),
    )


def drop_tags(view: View, owner: Owner, row: Row) -> None:
    """Delete all tags of a source or flow, unless its document has none."""
    if _may_have_tags(row["doc"]):
        clear_tags(view, owner, row["id"])


def clear_tags(view: View, owner: Owner, owner_id: str) -> None:
    """Delete all tags of a source or flow, whatever its document contains."""
    view.delete("tags", view.select("tags", And((Equal("owner", owner), Equal("id", owner_id)))))


def tagged(owner: Owner, name: str, value: str | None) -> Filter:
    """A filter for the rows of a tag; with this value, unless it is None."""
    with_value = () if value is None else (Equal("value", value),)
    return And((Equal("owner", owner), Equal("name", name), *with_value))


def _may_have_tags(document: bytes) -> bool:
    try:
        return bool(_DECODE(document).tags)
    except msgspec.DecodeError:
        return True  # The document is damaged.


def _by_sort_key(owner: Owner, owner_id: str, tags: Mapping[str, str]) -> Filter:
    """A filter by all columns of the sort key, so that few rows are scanned. Long values are left out."""
    values = tuple(dict.fromkeys(tags.values()))
    short = [In("value", values)] if sum(map(len, values)) <= _MAX_CHARACTERS else []
    return And((Equal("owner", owner), In("name", tuple(tags)), *short, Equal("id", owner_id)))
