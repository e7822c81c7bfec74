"""Batches of flows and sources: JSON to protobuf, results to JSON. An extension of this implementation."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.metadata.v1 import flow_service_pb2, property_pb2

from gateway.codecs import decoding
from gateway.errors import STATUS, ErrorBody, error_body
from services.shared.errors import TamsError

MAX_ITEMS: Final = 1000

# The decoder stops at the first item beyond MAX_ITEMS; a body of small numbers could have millions.
_Items = msgspec.defstruct(
    "_Items",
    [(f"item_{number}", msgspec.Raw | UnsetType, UNSET) for number in range(MAX_ITEMS)],
    array_like=True,
    forbid_unknown_fields=True,
)


class SourceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The properties and tags to set on one source; all others stay."""

    id: str
    label: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one item. `status` is the HTTP status that a request for it alone would have had."""

    status: int
    id: str | None = None
    error: ErrorBody | None = None


class _Identified(msgspec.Struct, frozen=True):
    id: str


_items: Final = msgspec.json.Decoder(_Items)
_identified: Final = msgspec.json.Decoder(_Identified)
_source: Final = msgspec.json.Decoder(SourceChange)


def items(body: bytes) -> list[bytes]:
    """The JSON of each item of a list. InvalidArgument unless the body is a list of at most MAX_ITEMS."""
    decoded = msgspec.structs.astuple(decoding.decode(_items, body))
    return [bytes(item) for item in decoded if item is not UNSET]


def put_request(item: bytes) -> flow_service_pb2.PutFlowRequest:
    """The request to put the flow of an item. InvalidArgument unless it is an object with an id."""
    return flow_service_pb2.PutFlowRequest(id=decoding.decode(_identified, item).id, document=item)


def source_change(item: bytes) -> SourceChange:
    """The change in an item. InvalidArgument with the JSON path of what does not fit SourceChange."""
    return decoding.decode(_source, item)


def property_changes(change: SourceChange) -> list[property_pb2.PropertyChange]:
    """One change for each property and each tag of the change of a source."""
    members = {"label": change.label, "description": change.description}
    tags = {} if change.tags is UNSET else change.tags
    return [
        *(
            property_pb2.PropertyChange(member=name, value=msgspec.json.encode(value))
            for name, value in members.items()
            if value is not UNSET
        ),
        *(
            property_pb2.PropertyChange(tag=name, value=msgspec.json.encode(value))
            for name, value in tags.items()
        ),
    ]


def error_result(error: TamsError, item: bytes, index: int) -> BatchResult:
    """The result of a refused item; the path of the error is made to start at the list."""
    if (path := error.metadata.get("path")) is not None:
        error.metadata["path"] = f"$[{index}]{path.removeprefix('$')}"
    return BatchResult(STATUS[type(error)], _id(item), error_body(error))


def document(results: Sequence[BatchResult]) -> bytes:
    """The JSON of all results, in the order of the items."""
    return msgspec.json.encode({"results": results})


def _id(item: bytes) -> str | None:
    try:
        return _identified.decode(item).id
    except msgspec.MsgspecError:
        return None
