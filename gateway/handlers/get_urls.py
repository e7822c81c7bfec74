"""Adds get_urls to a page of stored segments: one signing call, bytes spliced into bytes."""

from collections.abc import Iterator, Sequence

from tams.media.v1.storage_service_pb2 import SignUrlsRequest, StoredObject
from tams.metadata.v1.segment_pb2 import Segment

from gateway.clients.services import Services
from gateway.clients.storage_backends import StorageBackends
from gateway.codecs import storage_backend
from services.shared.get_urls import UrlFilter, UrlWriter, with_urls
from services.shared.rpc.client import call


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
        signed = iter(await self._sign([one for one in segments if one.storage_id in writer.signs]))
        return [with_urls(one.document, _items(writer, one, signed)) for one in segments]

    async def _sign(self, segments: Sequence[Segment]) -> Sequence[str]:
        if not segments:
            return ()
        positions: dict[str, int] = {}
        objects = [
            StoredObject(
                storage=positions.setdefault(segment.storage_id, len(positions)),
                path=segment.storage_path,
            )
            for segment in segments
        ]
        request = SignUrlsRequest(storage_ids=positions, objects=objects)
        return (await call(self._storage.SignUrls, request)).urls


def _items(writer: UrlWriter, segment: Segment, signed: Iterator[str]) -> list[bytes]:
    items = []
    if segment.storage_id in writer.signs:
        items.append(writer.controlled(segment.storage_id, next(signed)))
    for external in segment.external_urls:
        label = external.label if external.HasField("label") else None
        if (item := writer.external(external.url, label)) is not None:
            items.append(item)
    return items
