"""Storage backends: protobuf to JSON (TAMS 7.0, storage-backends-list.json)."""

from collections.abc import Iterable

import msgspec
from tams.media.v1 import storage_backend_pb2


class StorageBackend(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item of storage-backends-list.json."""

    id: str
    store_type: str
    provider: str
    store_product: str
    label: str = ""
    region: str = ""
    availability_zone: str = ""
    default_storage: bool = False
    # A member of TAMS 8; the schema of 7.0 allows further members.
    tags: dict[str, str] = {}


def listing(messages: Iterable[storage_backend_pb2.StorageBackend]) -> bytes:
    """The JSON list of backends."""
    return msgspec.json.encode([_document(message) for message in messages])


def _document(message: storage_backend_pb2.StorageBackend) -> StorageBackend:
    return StorageBackend(
        id=message.id,
        store_type=message.store_type,
        provider=message.provider,
        store_product=message.store_product,
        label=message.label,
        region=message.region,
        availability_zone=message.availability_zone,
        default_storage=message.default_storage,
        tags=dict(message.tags),
    )
