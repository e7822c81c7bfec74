"""Single properties of JSON documents, and changes of them (TAMS 7.0, the property paths)."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from tams.metadata.v1 import property_pb2

from gateway.codecs import decoding

# The values of unset properties that always have a value; other unset properties are not found.
UNSET: Final[Mapping[str, bytes]] = {"tags": b"{}", "flow_collection": b"[]", "read_only": b"false"}

MAX_TAGS: Final = 1000
# The most lists and objects in a value.
MAX_CONTAINERS: Final = 50_000

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts: Final = msgspec.json.Decoder(Annotated[dict[str, str], msgspec.Meta(max_length=MAX_TAGS)])
_any_text: Final = msgspec.json.Decoder(msgspec.Raw)
_anything: Final[msgspec.json.Decoder[object]] = msgspec.json.Decoder()


def member(document: bytes, name: str) -> bytes | None:
    """The JSON of a member of a document, None if it is not set."""
    value = _members.decode(document).get(name)
    return UNSET.get(name) if value is None else bytes(value)


def tag(document: bytes, name: str) -> bytes | None:
    """The JSON of the value of a tag, None if it is not set."""
    value = _members.decode(member(document, "tags") or b"{}").get(name)
    return None if value is None else bytes(value)


def set_member(name: str, body: bytes) -> property_pb2.PropertyChange:
    """The change that sets a member to the JSON value `body`. InvalidArgument BAD_JSON or BAD_BODY."""
    return property_pb2.PropertyChange(member=name, value=_json(body))


def unset_member(name: str) -> property_pb2.PropertyChange:
    """The change that unsets a member."""
    return property_pb2.PropertyChange(member=name)


def set_tag(name: str, body: bytes) -> property_pb2.PropertyChange:
    """The change that sets a tag to the JSON value `body`. InvalidArgument BAD_JSON or BAD_BODY."""
    return property_pb2.PropertyChange(tag=name, value=_json(body))


def unset_tag(name: str) -> property_pb2.PropertyChange:
    """The change that unsets a tag."""
    return property_pb2.PropertyChange(tag=name)


def replace_tags(body: bytes) -> property_pb2.PropertyChange:
    """The change that replaces all tags. InvalidArgument unless the body is an object of texts."""
    return property_pb2.PropertyChange(member="tags", value=msgspec.json.encode(_tags(body)))


def set_tags(body: bytes) -> list[property_pb2.PropertyChange]:
    """The changes that set each tag of the body. InvalidArgument unless the body is an object of texts."""
    return [
        property_pb2.PropertyChange(tag=name, value=msgspec.json.encode(value))
        for name, value in _tags(body).items()
    ]


def _tags(body: bytes) -> dict[str, str]:
    return decoding.decode(_texts, body)


def _json(body: bytes) -> bytes:
    # First a fast check of the syntax, so that too deep nesting is BAD_JSON and too many values are BAD_BODY.
    decoding.decode(_any_text, body)
    decoding.decode(_anything, body, MAX_CONTAINERS)
    return body
