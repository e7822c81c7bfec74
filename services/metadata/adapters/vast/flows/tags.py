"""The table of tags of sources and flows, a row for each tag."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from services.metadata.adapters.vast.classes import ClassOwner, add_classes, clear_classes
from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.documents.tags import TagChanges
from services.shared.access.classes import TAG, classes_of_tags
from services.vast_client.filters.filters import And, Equal, Filter, In

Owner: TypeAlias = Literal["source", "flow"]
CLASS_OWNERS: Final[dict[Owner, ClassOwner]] = {"source": "source-class", "flow": "flow-class"}

# Characters of values that a query may contain.
_MAX_CHARACTERS: Final = 4096


class _Tagged(msgspec.Struct):
    tags: dict[str, str] = {}


_DECODE: Final = msgspec.json.Decoder(_Tagged).decode


def put_tags(view: View, owner: Owner, owner_id: str, changes: TagChanges) -> None:
    """Change the tags of a source or flow, and the classes that follow from them.

    Only removed or changed tags are read.
    """
    if changes.before:
        view.delete("tags", view.select("tags", _by_sort_key(owner, owner_id, changes.before)))
    if TAG in changes.before:
        clear_classes(view, CLASS_OWNERS[owner], owner_id)
    add_tags(view, owner, owner_id, changes.set)


def add_tags(view: View, owner: Owner, owner_id: str, tags: Mapping[str, str]) -> None:
    """Insert tags that the source or flow does not have, and their classes."""
    view.insert_all(
        "tags",
        ({"owner": owner, "id": owner_id, "name": name, "value": value} for name, value in tags.items()),
    )
    if TAG in tags:
        add_classes(view, CLASS_OWNERS[owner], owner_id, classes_of_tags(tags))


def drop_tags(view: View, owner: Owner, row: Row) -> None:
    """Delete all tags and classes of a source or flow, unless its document has none."""
    tags = _tags(row["doc"])
    if tags is None or tags:
        clear_tags(view, owner, row["id"])
    if tags is None or TAG in tags:
        clear_classes(view, CLASS_OWNERS[owner], row["id"])


def clear_tags(view: View, owner: Owner, owner_id: str) -> None:
    """Delete all tags of a source or flow, whatever its document contains."""
    view.delete("tags", view.select("tags", And((Equal("owner", owner), Equal("id", owner_id)))))


def tagged(owner: Owner, name: str, value: str | None) -> Filter:
    """A filter for the rows of a tag; with this value, unless it is None."""
    with_value = () if value is None else (Equal("value", value),)
    return And((Equal("owner", owner), Equal("name", name), *with_value))


def _tags(document: bytes) -> dict[str, str] | None:
    """The tags in a document; None if it is damaged, so that it may have had any."""
    try:
        return _DECODE(document).tags
    except msgspec.DecodeError:
        return None


def _by_sort_key(owner: Owner, owner_id: str, tags: Mapping[str, str]) -> Filter:
    """A filter by all columns of the sort key, so that few rows are scanned. Long values are left out."""
    values = tuple(dict.fromkeys(tags.values()))
    short = [In("value", values)] if sum(map(len, values)) <= _MAX_CHARACTERS else []
    return And((Equal("owner", owner), In("name", tuple(tags)), *short, Equal("id", owner_id)))
