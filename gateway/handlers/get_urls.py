"""Adds get_urls to a page of stored segments: one signing call, bytes spliced into bytes."""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice

from tams.media.v1.storage_service_pb2 import SignUrlsRequest, StoredObjects
from tams.metadata.v1.segment_pb2 import Segment

from gateway.clients.services import Services
from gateway.clients.storage_backends import StorageBackends
from gateway.codecs import storage_backend
from services.shared.get_urls import UrlFilter, UrlWriter, with_urls
from services.shared.rpc.client import call

# URLs still to hand out, by storage backend.
Signed = Mapping[str, Iterator[str]]


class GetUrls:
    """Knows which URLs a segment has; asks media to sign those that are wanted."""

    def __init__(self, services: Services, storage_backends: StorageBackends) -> None:
        self._storage = services.storage
        self._storage_backends = storage_backends

    async def documents(self, segments: Sequence[Segment], wanted: UrlFilter) -> list[bytes]:
        """The JSON of each segment with its URLs: signed ones first, then those outside this store."""
        if wanted.nothing or not segments:
            return [with_urls(segment.document, ()) for segment in segments]
        backends = map(storage_backend.facts, await self._storage_backends.list())
        writer = UrlWriter(wanted, backends)
        signed = await self._sign(segments, writer.signs)
        return [with_urls(one.document, _items(writer, one, signed)) for one in segments]

    async def _sign(self, segments: Sequence[Segment], wanted: Container[str]) -> Signed:
        paths: dict[str, list[str]] = {}
        for segment in segments:
            if (storage_id := segment.storage_id) in wanted:
                paths.setdefault(storage_id, []).append(segment.storage_path)
        if not paths:
            return {}
        objects = [StoredObjects(storage_id=one, paths=of_one) for one, of_one in paths.items()]
        urls = iter((await call(self._storage.SignUrls, SignUrlsRequest(objects=objects))).urls)
        return {one: iter([*islice(urls, len(of_one))]) for one, of_one in paths.items()}


def _items(writer: UrlWriter, segment: Segment, signed: Signed) -> list[bytes]:
    items = []
    storage_id = segment.storage_id
    if storage_id in signed:
        items.append(writer.controlled(storage_id, next(signed[storage_id])))
    # Most have none, and looking costs less than walking.
    if segment.external_urls:
        for external in segment.external_urls:
            label = external.label if external.HasField("label") else None
            if (item := writer.external(external.url, label)) is not None:
                items.append(item)
    return items
