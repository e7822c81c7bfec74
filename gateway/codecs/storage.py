"""Allocation: JSON to protobuf and back (TAMS 7.0, flow-storage-post.json, flow-storage.json)."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.media.v1 import storage_service_pb2

from gateway.codecs import decoding
from services.shared.ids import UUID_PATTERN

MAX_OBJECTS: Final = 1000

StorageId = Annotated[str, msgspec.Meta(pattern=rf"^{UUID_PATTERN}\Z")]


class StorageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """flow-storage-post.json. An empty body requests the default number on the default backend."""

    limit: int | UnsetType = UNSET
    object_ids: Annotated[list[str], msgspec.Meta(max_length=MAX_OBJECTS)] | UnsetType = UNSET
    storage_id: StorageId | UnsetType = UNSET


class PutUrl(msgspec.Struct, frozen=True, omit_defaults=True, rename={"content_type": "content-type"}):
    """http-request.json: how to write one object."""

    url: str
    content_type: str
    headers: Mapping[str, str] = {}


class MediaObject(msgspec.Struct, frozen=True):
    """One allocated object."""

    object_id: str
    put_url: PutUrl


class FlowStorage(msgspec.Struct, frozen=True):
    """flow-storage.json."""

    media_objects: list[MediaObject]


_decoder: Final = msgspec.json.Decoder(StorageRequest)


def allocate_request(flow_id: str, body: bytes) -> storage_service_pb2.AllocateStorageRequest:
    """The request in a body. InvalidArgument with the JSON path of what does not fit the schema."""
    posted = decoding.decode(_decoder, body) if body.strip() else StorageRequest()
    return storage_service_pb2.AllocateStorageRequest(
        flow_id=flow_id,
        # Media applies the limit of MAX_OBJECTS; here the number only has to fit an int32.
        limit=None if posted.limit is UNSET else max(-1, min(posted.limit, MAX_OBJECTS)),
        object_ids=None
        if posted.object_ids is UNSET
        else storage_service_pb2.ObjectIds(ids=posted.object_ids),
        storage_id=None if posted.storage_id is UNSET else posted.storage_id,
    )


def document(allocated: storage_service_pb2.AllocatedObjects) -> bytes:
    """The JSON of the allocated objects."""
    urls, content_type, headers = allocated.put_urls, allocated.content_type, dict(allocated.headers)
    before, after = urls.before, urls.after
    rows = zip(
        allocated.object_ids,
        allocated.url_paths.decode().splitlines(),
        urls.signatures.decode().splitlines(),
        strict=True,
    )
    objects = [
        MediaObject(object_id, PutUrl(f"{before}{path}{after}{signature}", content_type, headers))
        for object_id, path, signature in rows
    ]
    return msgspec.json.encode(FlowStorage(objects))
