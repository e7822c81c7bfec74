"""Lists all stored objects of the backends, for a comparison with the tables."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from services.media.adapters.s3.access import is_access_object
from services.media.adapters.s3.client import open_client
from services.media.application.reconciliation import outermost
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import StartupError

# A listing of millions of objects takes thousands of requests, and one that fails must not end it. With the
# pauses between them, the attempts go on for about 15 s.
_ATTEMPTS: Final = 6


class ListedBackend(NamedTuple):
    """A backend: its id, its bucket with the endpoint, and the prefix of the keys of new objects."""

    storage_id: str
    bucket: str
    prefix: str


class StoredObject(NamedTuple):
    """A stored object: its bucket, key and size in bytes, and when it was written, in ms since 1970."""

    bucket: str
    key: str
    size: int
    modified_ms: int


def listed_backend(backend: StorageBackend) -> ListedBackend:
    """The backend as the inventory names it."""
    return ListedBackend(backend.id, f"{backend.endpoint_url.rstrip('/')}/{backend.bucket}", backend.prefix)


def list_stored(backends: Iterable[StorageBackend]) -> Iterator[StoredObject]:
    """All objects below the prefixes of the backends, each once. StartupError if one cannot be listed."""
    for backend in outermost(list(backends)):
        try:
            yield from _listed(backend)
        except (BotoCoreError, ClientError) as error:
            raise StartupError(f"storage {backend.label}: {error}") from None


def _listed(backend: StorageBackend) -> Iterator[StoredObject]:
    bucket = listed_backend(backend).bucket
    client = open_client(backend, 1, _ATTEMPTS)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=backend.bucket, Prefix=backend.prefix)
    for page in pages:
        for found in page.get("Contents", ()):
            if is_access_object(found["Key"]):
                continue
            modified = int(found["LastModified"].timestamp() * 1000)
            yield StoredObject(bucket, found["Key"], found["Size"], modified)
