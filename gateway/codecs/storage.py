"""Allocation: JSON bodies <-> protobuf (TAMS 7.0, flow-storage-post.json, flow-storage.json)."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest, AllocateStorageResponse, ObjectIds

from gateway.codecs import decoding
from services.shared.ids import UUID_PATTERN

MAX_OBJECTS: Final = 1000

ObjectId = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
StorageId = Annotated[str, msgspec.Meta(pattern=rf"^{UUID_PATTERN}\Z")]


class StorageRequest(msgspec.Struct, frozen=True):
    """What to allocate; an empty body asks for the default number on the default backend."""

    limit: int | UnsetType = UNSET
    object_ids: Annotated[list[ObjectId], msgspec.Meta(max_length=MAX_OBJECTS)] | UnsetType = UNSET
    storage_id: StorageId | UnsetType = UNSET


class PutUrl(msgspec.Struct, frozen=True, rename={"content_type": "content-type"}):
    """http-request.json: how to write one object."""

    url: str
    content_type: str


class MediaObject(msgspec.Struct, frozen=True):
    """One allocated object."""

    object_id: str
    put_url: PutUrl


class FlowStorage(msgspec.Struct, frozen=True):
    """flow-storage.json."""

    media_objects: list[MediaObject]


_decoder: Final = msgspec.json.Decoder(StorageRequest)


def allocate_request(flow_id: str, body: bytes) -> AllocateStorageRequest:
    """The request of a body. InvalidArgument with the JSON path of what does not fit the schema."""
    posted = decoding.decode(_decoder, body) if body.strip() else StorageRequest()
    return AllocateStorageRequest(
        flow_id=flow_id,
        # Larger is clamped by media anyway; this keeps it within an int32.
        limit=None if posted.limit is UNSET else max(-1, min(posted.limit, MAX_OBJECTS)),
        object_ids=None if posted.object_ids is UNSET else ObjectIds(ids=posted.object_ids),
        storage_id=None if posted.storage_id is UNSET else posted.storage_id,
    )


def allocated(reply: AllocateStorageResponse) -> bytes:
    """The JSON of allocated objects."""
    objects = [MediaObject(one.object_id, PutUrl(one.put_url, one.content_type)) for one in reply.objects]
    return msgspec.json.encode(FlowStorage(objects))
