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


def listing(messages: Iterable[storage_backend_pb2.StorageBackend]) -> bytes:
    """The JSON list of backends."""
    return msgspec.json.encode(
        [msgspec.convert(message, StorageBackend, from_attributes=True) for message in messages]
    )
