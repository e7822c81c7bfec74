"""The service document: JSON to protobuf and back (TAMS 7.0, service.json, service-post.json)."""

import importlib.metadata
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.metadata.v1 import service_info_service_pb2

from gateway.codecs import decoding

MAX_CHARACTERS: Final = 10_000

Text = Annotated[str, msgspec.Meta(max_length=MAX_CHARACTERS)]


class ServiceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """service-post.json."""

    name: Text | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class EventStream(msgspec.Struct, frozen=True):
    """event-stream-common.json."""

    name: str


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """service.json."""

    type: str = "urn:x-tams:service"
    api_version: str = "7.0"
    name: str
    description: str
    service_version: str = f"tams-server {importlib.metadata.version('tams-server')}"
    event_stream_mechanisms: list[EventStream]


_decoder: Final = msgspec.json.Decoder(ServiceChange)


def update_request(body: bytes) -> service_info_service_pb2.UpdateServiceInfoRequest:
    """The change in a body. InvalidArgument with the JSON path of what does not fit the schema."""
    change = decoding.decode(_decoder, body)
    return service_info_service_pb2.UpdateServiceInfoRequest(
        name=None if change.name is UNSET else change.name,
        description=None if change.description is UNSET else change.description,
    )
