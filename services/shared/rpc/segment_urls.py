"""Adds get_urls to stored segments: one signing call for all of them, bytes spliced into bytes."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from grpc import aio
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import ListStorageBackendsRequest, SignUrlsRequest, StoredObjects
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub
from tams.metadata.v1.segment_pb2 import ExternalUrl, Segment

from services.shared.get_urls import Backend, UrlFilter, UrlWriter, with_urls
from services.shared.rpc.client import call


class StorageBackends:
    """Asks media at most once in `ttl_seconds`, once for all who ask at the same time."""

    def __init__(self, media: aio.Channel, ttl_seconds: float) -> None:
        self._storage = StorageServiceStub(media)
        self._ttl_seconds = ttl_seconds
        self._known: Sequence[StorageBackend] = ()
        self._fresh_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def list(self) -> Sequence[StorageBackend]:
        """All backends in the order of the configuration. Unavailable when media is away."""
        if asyncio.get_running_loop().time() >= self._fresh_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            # Shielded: who goes away must not take the answer from the others.
            await asyncio.shield(self._asking)
        return self._known

    async def _ask(self) -> None:
        reply = await call(self._storage.ListStorageBackends, ListStorageBackendsRequest())
        self._known = tuple(reply.storage_backends)
        self._fresh_until = asyncio.get_running_loop().time() + self._ttl_seconds


# Items of get_urls still to hand out, by storage backend.
Signed = Mapping[str, Iterator[bytes]]


class SegmentUrls:
    """Knows which URLs a segment has; asks media to sign those that are wanted."""

    def __init__(self, media: aio.Channel, storage_backends: StorageBackends) -> None:
        self._storage = StorageServiceStub(media)
        self._storage_backends = storage_backends

    async def documents(self, segments: Sequence[Segment], wanted: UrlFilter) -> list[bytes]:
        """The JSON of each segment with its URLs: signed ones first, then those outside this store."""
        if wanted.nothing or not segments:
            return [with_urls(segment.document, ()) for segment in segments]
        writer = UrlWriter(wanted, map(_facts, await self._storage_backends.list()))
        kept = list(segments)  # Messages are wrapped anew each time they are taken from their list.
        signed = await self._sign(kept, writer)
        return [_document(segment, writer, signed) for segment in kept]

    async def _sign(self, segments: Sequence[Segment], writer: UrlWriter) -> Signed:
        paths: dict[str, list[str]] = {storage_id: [] for storage_id in writer.signs}
        for segment in segments:
            if (storage_id := segment.storage_id) in paths:
                paths[storage_id].append(segment.storage_path)
        objects = [StoredObjects(storage_id=one, paths=of_one) for one, of_one in paths.items() if of_one]
        if not objects:
            return {}
        urls = iter((await call(self._storage.SignUrls, SignUrlsRequest(objects=objects))).urls)
        return {
            one.storage_id: iter(writer.controlled(one.storage_id, islice(urls, len(one.paths))))
            for one in objects
        }


def _facts(backend: StorageBackend) -> Backend:
    return Backend(
        id=backend.id,
        label=backend.label,
        store_type=backend.store_type,
        provider=backend.provider,
        store_product=backend.store_product,
        region=backend.region,
        availability_zone=backend.availability_zone,
    )


def _document(segment: Segment, writer: UrlWriter, signed: Signed) -> bytes:
    items = signed.get(segment.storage_id)
    urls = [] if items is None else [next(items)]
    if external := segment.external_urls:
        urls += _external(external, writer)
    return with_urls(segment.document, urls)


def _external(external: Iterable[ExternalUrl], writer: UrlWriter) -> Iterator[bytes]:
    for one in external:
        label = one.label if one.HasField("label") else None
        if (item := writer.external(one.url, label)) is not None:
            yield item
