"""Adds get_urls to stored segments: one signing call for all of them, text spliced into text."""

import asyncio
from collections.abc import Mapping, Sequence

from grpc import aio
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import (
    ListStorageBackendsRequest,
    SignPathsRequest,
    StoredObjects,
)
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub
from tams.metadata.v1.segment_pb2 import ExternalUrl, IndexedUrls, Segment, SegmentLines

from services.shared.get_urls import Backend, Column, SegmentDocuments, UrlFilter, UrlWriter, rows
from services.shared.rpc.client import call
from services.shared.signed_urls import SignedUrls, url_lines


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

    async def documents(self, segments: SegmentLines, wanted: UrlFilter) -> SegmentDocuments:
        """The JSON of each segment with its URLs: signed ones first, then those outside this store."""
        if not segments.documents or wanted.nothing:
            return SegmentDocuments(segments.documents)
        writer = UrlWriter(wanted, map(_facts, await self._storage_backends.list()))
        return SegmentDocuments(segments.documents, await self._urls(segments, writer))

    async def _urls(self, segments: SegmentLines, writer: UrlWriter) -> Sequence[Column]:
        storage_ids = segments.storage_ids
        if len(storage_ids) == 1 and not segments.external_urls and storage_ids[0] in writer.signs:
            # Most pages; whatever else they may hold, items of their own need not be made.
            (signed,) = await self._sign({storage_ids[0]: segments.url_paths})
            return writer.controlled(storage_ids[0], signed)
        items = await self._items(segments, writer)
        _add_external(items, segments, writer)
        return (items,)

    async def _items(self, segments: SegmentLines, writer: UrlWriter) -> list[bytes]:
        """The signed URL of each segment, empty for those that have none."""
        paths = segments.url_paths.splitlines(keepends=True)
        items = [b""] * len(paths)
        places = _places(segments.storage_ids, len(paths), writer.signs)
        of_each = {
            storage_id: b"".join([paths[at] for at in of_one]) for storage_id, of_one in places.items()
        }
        signed = await self._sign(of_each) if of_each else ()
        for (storage_id, of_one), urls in zip(places.items(), signed, strict=True):
            written = rows(writer.controlled(storage_id, urls), len(of_one))
            for at, item in zip(of_one, written, strict=True):
                items[at] = item
        return items

    async def _sign(self, paths: Mapping[str, bytes]) -> list[SignedUrls]:
        objects = [StoredObjects(storage_id=one, url_paths=of_one) for one, of_one in paths.items()]
        reply = await call(self._storage.SignPaths, SignPathsRequest(objects=objects))
        return [
            SignedUrls(one.before, one.after, of_one, one.signature_lines)
            for one, of_one in zip(reply.signed, paths.values(), strict=True)
        ]


def as_lines(segments: Sequence[Segment]) -> SegmentLines:
    """The same segments, one text a field."""
    storage_ids = [one.storage_id for one in segments]
    return SegmentLines(
        documents=b"".join([b"%b\n" % one.document for one in segments]),
        storage_ids=storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids,
        url_paths=url_lines([one.storage_path for one in segments]),
        external_urls=[
            IndexedUrls(index=index, urls=one.external_urls)
            for index, one in enumerate(segments)
            if one.external_urls
        ],
    )


def _places(storage_ids: Sequence[str], count: int, signs: frozenset[str]) -> dict[str, Sequence[int]]:
    """Where the segments of each backend stand that has URLs to sign."""
    if len(storage_ids) == 1:  # one for all
        return {one: range(count) for one in storage_ids if one in signs}
    return {
        storage_id: [at for at, one in enumerate(storage_ids) if one == storage_id]
        for storage_id in signs.intersection(storage_ids)
    }


def _add_external(items: list[bytes], segments: SegmentLines, writer: UrlWriter) -> None:
    for one in segments.external_urls:
        external = (writer.external(url.url, _label(url)) for url in one.urls)
        items[one.index] = b",".join(filter(None, (items[one.index], *external)))


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
