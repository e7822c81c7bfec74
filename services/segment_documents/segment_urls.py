"""Adds get_urls to stored segments. All URLs are signed together and joined as text."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from grpc import aio
from tams.media.v1 import storage_service_pb2, storage_service_pb2_grpc
from tams.metadata.v1 import segment_pb2

from services.segment_documents.documents import Column, SegmentDocuments, rows
from services.segment_documents.storage_backends import StorageBackends
from services.segment_documents.url_filter import UrlFilter
from services.segment_documents.url_writer import UrlWriter
from services.shared.rpc.client import call

# The most paths that media signs in one call.
_MAX_PATHS: Final = 1000


class _Group(NamedTuple):
    """The segments of one list whose objects, or copies of them, are on one storage backend.

    `indexes` are their positions in the list, `paths` has one line for each.
    """

    storage_id: str
    indexes: Sequence[int]
    paths: bytes


class SegmentUrls:
    """Writes segments with the URLs that a filter selects; media signs those that are signed."""

    def __init__(self, media: aio.Channel, storage_backends: StorageBackends) -> None:
        self._storage = storage_service_pb2_grpc.StorageServiceStub(media)
        self._storage_backends = storage_backends

    async def documents(
        self, lists: Sequence[segment_pb2.SegmentLines], url_filter: UrlFilter
    ) -> list[SegmentDocuments]:
        """The documents of each list, in order. Signed URLs come first, then those of a CDN, then others
        outside this store.

        Of several copies, those on backends that answer come first, and of these that on the default backend.

        A list must have at most 1000 segments. Unavailable if media does not answer.
        """
        if url_filter.passes_nothing or not any(segments.documents for segments in lists):
            return [SegmentDocuments(segments.documents) for segments in lists]
        writer = UrlWriter(url_filter, await self._storage_backends.list())
        groups = [_groups(segments, writer.storage_ids) for segments in lists]
        signed = iter(
            await self._sign(
                [
                    group
                    for groups_of_list in groups
                    for group in groups_of_list
                    if group.storage_id in writer.signed_ids
                ]
            )
        )
        return [
            SegmentDocuments(segments.documents, _urls(segments, groups_of_list, signed, writer))
            for segments, groups_of_list in zip(lists, groups, strict=True)
        ]

    async def _sign(self, groups: Sequence[_Group]) -> list[storage_service_pb2.SignedPaths]:
        signed: list[storage_service_pb2.SignedPaths] = []
        for groups_of_call in _calls(groups):
            objects = [
                storage_service_pb2.StoredObjects(storage_id=group.storage_id, url_paths=group.paths)
                for group in groups_of_call
            ]
            signed += (
                await call(self._storage.SignPaths, storage_service_pb2.SignPathsRequest(objects=objects))
            ).signed
        return signed


def _groups(segments: segment_pb2.SegmentLines, written_ids: frozenset[str]) -> list[_Group]:
    """The segments on the storage backends whose URLs are to be written, by backend, then their copies."""
    every = range(segments.url_paths.count(b"\n")) if segments.copies else ()
    copies = [
        _Group(copy.storage_id, copy.indexes or every, copy.url_paths)
        for copy in segments.copies
        if copy.storage_id in written_ids
    ]
    return [*_first_groups(segments, written_ids), *copies]


def _first_groups(segments: segment_pb2.SegmentLines, written_ids: frozenset[str]) -> list[_Group]:
    storage_ids = segments.storage_ids
    if len(storage_ids) == 1:  # all objects are on this backend
        count = segments.url_paths.count(b"\n")
        return [
            _Group(storage_id, range(count), segments.url_paths)
            for storage_id in storage_ids
            if storage_id in written_ids
        ]
    paths = segments.url_paths.splitlines(keepends=True)
    groups = []
    for written_id in written_ids.intersection(storage_ids):
        indexes = [index for index, storage_id in enumerate(storage_ids) if storage_id == written_id]
        groups.append(_Group(written_id, indexes, b"".join([paths[index] for index in indexes])))
    return groups


def _calls(groups: Sequence[_Group]) -> Iterator[Sequence[_Group]]:
    """The groups divided into parts that media signs in one call."""
    first, count = 0, 0
    for index, group in enumerate(groups):
        count += len(group.indexes)
        if count > _MAX_PATHS:
            yield groups[first:index]
            first, count = index, len(group.indexes)
    if first < len(groups):
        yield groups[first:]


def _urls(
    segments: segment_pb2.SegmentLines,
    groups: Sequence[_Group],
    signed: Iterator[storage_service_pb2.SignedPaths],
    writer: UrlWriter,
) -> Sequence[Column]:
    """The columns of the URLs of a list; takes one item from `signed` for each group that is signed."""
    pairs = [(group, next(signed) if group.storage_id in writer.signed_ids else None) for group in groups]
    pairs.sort(key=lambda pair: writer.rank(pair[0].storage_id, pair[1]))
    written = [(group, writer.stored(group.storage_id, group.paths, urls)) for group, urls in pairs]
    count = segments.url_paths.count(b"\n")
    if not segments.external_urls and all(len(group.indexes) == count for group in groups):
        # The form of most lists, for which no text is created for each segment.
        return list(chain.from_iterable((b",", *columns) for _, columns in written))[1:]
    items = [b""] * count
    for group, columns in written:
        for index, item in zip(group.indexes, rows(columns, len(group.indexes)), strict=True):
            items[index] = b"%b,%b" % (items[index], item) if items[index] else item
    for segment in segments.external_urls:
        external = (writer.external(url.url, _label(url)) for url in segment.urls)
        items[segment.index] = b",".join(filter(None, (items[segment.index], *external)))
    return (items,)


def _label(url: segment_pb2.ExternalUrl) -> str | None:
    return url.label if url.HasField("label") else None
