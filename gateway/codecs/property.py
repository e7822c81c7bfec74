"""Single properties of documents, and changes of them (TAMS 7.0, the property paths)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from tams.metadata.v1.property_pb2 import PropertyChange

from gateway.codecs import decoding

# Served for properties that always have a value; any other that is unset is not found.
UNSET: Final[Mapping[str, bytes]] = {"tags": b"{}", "flow_collection": b"[]", "read_only": b"false"}

MAX_TAGS: Final = 1000

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts: Final = msgspec.json.Decoder(Annotated[dict[str, str], msgspec.Meta(max_length=MAX_TAGS)])
_anything: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder()


def member(document: bytes, name: str) -> bytes | None:
    """The JSON of a member of a document, None when it is not set."""
    value = _members.decode(document).get(name)
    return UNSET.get(name) if value is None else bytes(value)


def tag(document: bytes, name: str) -> bytes | None:
    """The JSON of a tag's value, None when it is not set."""
    value = _members.decode(member(document, "tags") or b"{}").get(name)
    return None if value is None else bytes(value)


def set_member(name: str, body: bytes) -> PropertyChange:
    """Sets a member to the JSON value that is the body. InvalidArgument BAD_JSON."""
    return PropertyChange(member=name, value=_json(body))


def unset_member(name: str) -> PropertyChange:
    """Unsets a member."""
    return PropertyChange(member=name)


def set_tag(name: str, body: bytes) -> PropertyChange:
    """Sets a tag to the JSON value that is the body. InvalidArgument BAD_JSON."""
    return PropertyChange(tag=name, value=_json(body))


def unset_tag(name: str) -> PropertyChange:
    """Unsets a tag."""
    return PropertyChange(tag=name)


def replace_tags(body: bytes) -> PropertyChange:
    """Puts the tags of the body in place of all there are. InvalidArgument unless it maps names to texts."""
    return PropertyChange(member="tags", value=msgspec.json.encode(_tags(body)))


def set_tags(body: bytes) -> list[PropertyChange]:
    """Sets each tag of the body. InvalidArgument unless it maps names to texts."""
    return [PropertyChange(tag=name, value=msgspec.json.encode(value)) for name, value in _tags(body).items()]


def _tags(body: bytes) -> dict[str, str]:
    return decoding.decode(_texts, body)


def _json(body: bytes) -> bytes:
    decoding.decode(_anything, body)
    return body
