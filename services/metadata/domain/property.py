"""Properties of sources and flows that can be changed one by one (TAMS 7.0, the property paths)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from services.metadata.domain.essence import CollectionItem, Natural
from services.metadata.domain.jsons import decode, read
from services.shared.errors import InvalidArgument, NotFound

_TEXT: Final = msgspec.json.Decoder(str)
_ANYTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()
Properties = Mapping[str, msgspec.json.Decoder[Any]]

SOURCE_PROPERTIES: Final[Properties] = {
    "label": _TEXT,
    "description": _TEXT,
    "tags": msgspec.json.Decoder(dict[str, str]),
}
FLOW_PROPERTIES: Final[Properties] = {
    **SOURCE_PROPERTIES,
    "read_only": msgspec.json.Decoder(bool),
    "flow_collection": msgspec.json.Decoder(list[CollectionItem]),
    "max_bit_rate": msgspec.json.Decoder(Natural),
    "avg_bit_rate": msgspec.json.Decoder(Natural),
}
MAX_CHANGES: Final = 1000
_REASON: Final = "BAD_PROPERTY"


class PropertyChange(NamedTuple):
    """A property to set, or with no value to unset: a member of the document, or else a tag."""

    member: str | None
    tag: str | None
    value: bytes | None


def changed(
    members: Mapping[str, Any], changes: Iterable[PropertyChange], allowed: Properties
) -> dict[str, Any]:
    """The document's members after the changes.

    InvalidArgument BAD_PROPERTY for an unknown property or a value of the wrong type, NotFound
    TAG_NOT_FOUND for a tag to unset that is not set.
    """
    after = dict(members)
    for change in changes:
        if change.member is not None:
            _change_member(after, change.member, change.value, allowed)
        elif change.tag is not None:
            after["tags"] = _changed_tags(after.get("tags", {}), change.tag, change.value)
        else:
            raise InvalidArgument("a change names no property", reason=_REASON)
    return after


def _change_member(after: dict[str, Any], name: str, value: bytes | None, allowed: Properties) -> None:
    if name not in allowed:
        raise InvalidArgument(f"{name!r} is no property that can be changed", reason=_REASON)
    if value is None:
        after.pop(name, None)
    else:
        _, value = read(allowed[name], value, _REASON)
        after[name] = decode(_ANYTHING, value, _REASON)


def _changed_tags(tags: Mapping[str, str], name: str, value: bytes | None) -> dict[str, str]:
    if value is not None:
        return {**tags, name: decode(_TEXT, value, _REASON)}
    if name not in tags:
        raise NotFound(f"no tag {name[:100]!r}", reason="TAG_NOT_FOUND")
    return {kept: tags[kept] for kept in tags if kept != name}
