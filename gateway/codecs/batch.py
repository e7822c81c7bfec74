"""Batches of flows and sources: JSON <-> protobuf, an extension of this implementation."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.metadata.v1.flow_service_pb2 import PutFlowRequest
from tams.metadata.v1.property_pb2 import PropertyChange

from gateway.codecs import decoding
from gateway.errors import STATUS, ErrorBody, error_body
from services.shared.errors import TamsError

MAX_ITEMS: Final = 1000

_Items = Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_ITEMS)]


class SourceChange(msgspec.Struct, frozen=True):
    """What to set on one source; its other properties and tags stay."""

    id: str
    label: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one item: the status that a request for it alone would have had."""

    status: int
    id: str | None = None
    error: ErrorBody | None = None


class _Identified(msgspec.Struct, frozen=True):
    id: str


_items: Final = msgspec.json.Decoder(_Items)
_identified: Final = msgspec.json.Decoder(_Identified)
_source: Final = msgspec.json.Decoder(SourceChange)


def items(body: bytes) -> list[bytes]:
    """The items of a list, still JSON. InvalidArgument unless the body is a list that is not too long."""
    return [bytes(item) for item in decoding.decode(_items, body)]


def put_request(item: bytes) -> PutFlowRequest:
    """The flow in an item. InvalidArgument unless it is an object with an id."""
    return PutFlowRequest(id=decoding.decode(_identified, item).id, document=item)


def source_change(item: bytes) -> SourceChange:
    """The change in an item. InvalidArgument unless it fits."""
    return decoding.decode(_source, item)


def property_changes(change: SourceChange) -> list[PropertyChange]:
    """The single changes that make up the change of a source."""
    members = {"label": change.label, "description": change.description}
    tags = {} if change.tags is UNSET else change.tags
    return [
        *(
            PropertyChange(member=name, value=msgspec.json.encode(value))
            for name, value in members.items()
            if value is not UNSET
        ),
        *(PropertyChange(tag=name, value=msgspec.json.encode(value)) for name, value in tags.items()),
    ]


def failed(error: TamsError, item: bytes, index: int) -> BatchResult:
    """The result of an item that was refused, with a path that starts at the list."""
    if (path := error.metadata.get("path")) is not None:
        error.metadata["path"] = f"$[{index}]{path.removeprefix('$')}"
    return BatchResult(STATUS[type(error)], _id(item), error_body(error))


def created(item_id: str) -> BatchResult:
    """The result of an item that is new."""
    return BatchResult(HTTPStatus.CREATED, item_id)


def changed(item_id: str) -> BatchResult:
    """The result of an item that was there before."""
    return BatchResult(HTTPStatus.NO_CONTENT, item_id)


def document(results: Sequence[BatchResult]) -> bytes:
    """The JSON of all results, in the order of the items."""
    return msgspec.json.encode({"results": results})


def _id(item: bytes) -> str | None:
    try:
        return _identified.decode(item).id
    except msgspec.MsgspecError:
        return None
