"""Properties of sources and flows that can be changed one by one (TAMS 7.0, the property paths)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.metadata.domain.documents.jsons import (
    MAX_DOCUMENT_BYTES,
    Members,
    check_containers,
    check_numbers,
    decode,
    read,
)
from services.metadata.domain.flows.essence import CollectionItem, Natural
from services.shared.errors import InvalidArgument, NotFound

_TEXT: Final = msgspec.json.Decoder(str)
_ANYTHING: Final[msgspec.json.Decoder[object]] = msgspec.json.Decoder()
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
    """A change of one property: a member of the document, or a tag if `member` is None.

    `value` is JSON. None unsets the property.
    """

    member: str | None
    tag: str | None
    value: bytes | None


def check_amount(changes: Sequence[PropertyChange]) -> None:
    """InvalidArgument TOO_MANY_ITEMS or DOCUMENT_TOO_LARGE for too many changes or bytes."""
    if len(changes) > MAX_CHANGES:
        raise InvalidArgument(f"at most {MAX_CHANGES} changes at once", reason="TOO_MANY_ITEMS")
    if sum(len(change.value or b"") for change in changes) > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"the changes have more than {MAX_DOCUMENT_BYTES} bytes, the limit of a whole document",
            reason="DOCUMENT_TOO_LARGE",
        )


def apply_changes(members: Members, changes: Iterable[PropertyChange], allowed: Properties) -> Members:
    """The document's members after the changes. `allowed` has the properties that may change.

    InvalidArgument BAD_PROPERTY for an unknown property or a value of the wrong type,
    InvalidArgument DOCUMENT_TOO_LARGE for a value that takes too long to decode,
    NotFound TAG_NOT_FOUND for a tag to unset that is not set.
    """
    after = dict(members)
    if "tags" in after:
        after["tags"] = dict(after["tags"])
    for change in changes:
        if change.member is not None:
            _change_member(after, change.member, change.value, allowed)
        elif change.tag is not None:
            _change_tag(after.setdefault("tags", {}), change.tag, change.value)
        else:
            raise InvalidArgument("a change names no property", reason=_REASON)
    return after


def _change_member(after: Members, name: str, value: bytes | None, allowed: Properties) -> None:
    if name not in allowed:
        raise InvalidArgument(f"property {name!r} does not exist or cannot be changed", reason=_REASON)
    if value is None:
        after.pop(name, None)
    else:
        check_numbers(value, _REASON)
        _, value = read(allowed[name], value, _REASON)
        check_containers(value)
        after[name] = decode(_ANYTHING, value, _REASON)


def _change_tag(tags: dict[str, str], name: str, value: bytes | None) -> None:
    if value is not None:
        tags[name] = decode(_TEXT, value, _REASON)
    elif tags.pop(name, None) is None:
        raise NotFound(f"no tag {name[:100]!r}", reason="TAG_NOT_FOUND")
