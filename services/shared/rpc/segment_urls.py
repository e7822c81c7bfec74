"""Adds get_urls to stored segments: one signing call for all of them, text spliced into text."""

import asyncio
from collections.abc import Sequence

from grpc import aio
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import (
    ListStorageBackendsRequest,
    SignPathsRequest,
    StoredObjects,
)
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub
from tams.metadata.v1.segment_pb2 import ExternalUrl, IndexedUrls, Segment, SegmentColumns

from services.shared.get_urls import Backend, UrlFilter, UrlWriter, with_urls
from services.shared.rpc.client import call
from services.shared.signed_urls import SignedUrls


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


class SegmentUrls:
    """Knows which URLs a segment has; asks media to sign those that are wanted."""

    def __init__(self, media: aio.Channel, storage_backends: StorageBackends) -> None:
        self._storage = StorageServiceStub(media)
        self._storage_backends = storage_backends

    async def documents(self, segments: SegmentColumns, wanted: UrlFilter) -> list[str]:
        """The JSON of each segment with its URLs: signed ones first, then those outside this store."""
        items = [""] * len(segments.documents)
        if items and not wanted.nothing:
            writer = UrlWriter(wanted, map(_facts, await self._storage_backends.list()))
            await self._add_signed(items, segments, writer)
            _add_external(items, segments, writer)
        return with_urls(segments.documents, items)

    async def _add_signed(self, items: list[str], segments: SegmentColumns, writer: UrlWriter) -> None:
        places = _places(segments, writer.signs)
        if not places:
            return
        # Taken from a message one by one, texts would cost more.
        every = list(segments.storage_paths)
        paths = {storage_id: [every[at] for at in of_one] for storage_id, of_one in places.items()}
        objects = [StoredObjects(storage_id=storage_id, paths=of_one) for storage_id, of_one in paths.items()]
        reply = await call(self._storage.SignPaths, SignPathsRequest(objects=objects))
        for storage_id, signed in zip(paths, reply.signed, strict=True):
            urls = SignedUrls(signed.before, signed.after, paths[storage_id], signed.signatures)
            for at, item in zip(places[storage_id], writer.controlled(storage_id, urls), strict=True):
                items[at] = item


def as_columns(segments: Sequence[Segment]) -> SegmentColumns:
    """The same segments, one list a field."""
    storage_ids = [one.storage_id for one in segments]
    return SegmentColumns(
        documents=[one.document for one in segments],
        storage_ids=storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids,
        storage_paths=[one.storage_path for one in segments],
        external_urls=[
            IndexedUrls(index=index, urls=one.external_urls)
            for index, one in enumerate(segments)
            if one.external_urls
        ],
    )


def _places(segments: SegmentColumns, signs: frozenset[str]) -> dict[str, Sequence[int]]:
    """Where the segments of each backend stand that has URLs to sign."""
    storage_ids = list(segments.storage_ids)
    if len(storage_ids) == 1:  # one for all
        return {one: range(len(segments.documents)) for one in storage_ids if one in signs}
    return {
        storage_id: [at for at, one in enumerate(storage_ids) if one == storage_id]
        for storage_id in signs.intersection(storage_ids)
    }


def _add_external(items: list[str], segments: SegmentColumns, writer: UrlWriter) -> None:
    for one in segments.external_urls:
        external = (writer.external(url.url, _label(url)) for url in one.urls)
        items[one.index] = ",".join(filter(None, (items[one.index], *external)))


def _label(url: ExternalUrl) -> str | None:
    return url.label if url.HasField("label") else None


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
